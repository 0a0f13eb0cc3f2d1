"""The page of refusals, made from the table: `python -m tests.docs.refusals > docs/refusals.md`."""

import sys

from gateway.model.refusal import TABLE, Reason, Refusal, Shape
from gateway.wire.strict_json import dump

_SHAPES = {
    Shape.RESULT: "a tool **result** with `isError: true` and one plain sentence, because the model can act on it; the object "
    'below stands in `_meta["io.sallyport/outcome"]`',
    Shape.ERROR: 'a JSON-RPC **error**; the object stands in `error.data["io.sallyport/outcome"]`',
    Shape.BARE: "an HTTP status and a short JSON body, because JSON-RPC was not reached",
}
_HEAD = """\
# Every way to be turned away

<!-- Made by `python -m tests.docs.refusals > docs/refusals.md` from gateway/model/refusal.py; a test keeps the two equal. -->

A call is carried out, or it is turned away with one of these reasons. The reason is the same for the agent, in the
audit record (`sallyport audit query --reason policy-denied`) and in the metric `sallyport_requests_total`.

*Denied before it was sent*, *sent, outcome unknown* and *carried out, answer withheld* are three different things:
look at `executed` before doing anything again.

How a refusal looks on `/mcp`:

{shapes}

```json
{example}
```

`retry` says when the same call may be made again: `same_key` now and unchanged, `new_key` as a new call, `after` once
`retry_after_ms` (or a while) has passed, `never` means not without a change. HTTP statuses are those of MCP 2026-07-28; a
session of an older client gets its JSON-RPC errors with status 200.

| reason | code | HTTP | shape | audit outcome | executed | retry | what to do |
|---|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page, newline at the end."""
    example = dump(Refusal(Reason.BUDGET_EXHAUSTED, "", retry_after_ms=41_000).told("0197…")).decode()
    shapes = "\n".join(f"- `{shape.value}`: {told}." for shape, told in _SHAPES.items())
    rows = "".join(
        f"| `{reason.value}` | {row.code} | {row.status} | {row.shape.value} | {row.outcome.value} "
        f"| {row.executed} | {row.retry} | {row.remedy} |\n"
        for reason, row in TABLE.items()
    )
    return _HEAD.format(shapes=shapes, example=example) + rows


if __name__ == "__main__":
    sys.stdout.write(page())
