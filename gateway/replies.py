"""What the road tells the agent: provenance and marks in `_meta`, and how an answer is kept and served again.

Lives only here: the shape of our `_meta` keys on results, and the wording of a replay.
Nothing of ours is ever put into `structuredContent`. Must not know upstreams, stores or bytes on a wire. Used by
pipeline and conclusion.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from gateway.model.admission import Replay
from gateway.model.call import Reply, ReplyError
from gateway.model.claim import GUESSED, Kept
from gateway.model.outcome import INPUT_REQUIRED
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ResolvedCall

NS = "io.sallyport"


def provenance(call_id: str, call: ResolvedCall, findings: Mapping[str, int]) -> dict[str, Any]:
    """The mark that says where an answer came from and that it is data, not instructions."""
    return {
        f"{NS}/provenance": {
            "trust": "untrusted",
            "upstream": call.tool.upstream,
            "tool": call.tool.id,
            "call_id": call_id,
            "findings": dict(findings),
        }
    }


def theirs(value: Any) -> Any:
    """An upstream's `_meta` or error data without members in our name: only the gateway says what the gateway did."""
    if not isinstance(value, Mapping) or not any(name.startswith(f"{NS}/") for name in value):
        return value
    return {name: member for name, member in value.items() if not name.startswith(f"{NS}/")}


def hinted(
    ends: Reply | ReplyError, hint: str | None, delivered: Callable[[], None] | None = None
) -> Reply | ReplyError:
    """Adds what belongs to this one reply: a loop hint the model can read, and the delivery call-back."""
    match ends:
        case Reply():
            result = with_text(marked(ends.result, {f"{NS}/hint": hint}), hint) if hint else ends.result
            return Reply(result, delivered)
        case ReplyError():
            return replace(ends, delivered=delivered)


def kept_reply(replay: Replay, call: ResolvedCall, call_id: str) -> Reply | ReplyError:
    """Serves a kept answer again, visibly marked (ledger §1.3).

    Under a key that somebody chose the content is byte-identical and only `_meta` says so; elsewhere a line of text says it
    too, because the model may have meant to repeat itself. Whose call the first one was is never told: it may have been
    another's. Raises Refused: result-withheld where nothing was kept.
    """
    kept = replay.kept
    when = datetime.fromtimestamp(kept.at, UTC).isoformat(timespec="seconds")
    if kept.kind == "withheld" or kept.body is None:
        raise Refused(
            Reason.RESULT_WITHHELD,
            f"{call.tool.id} was carried out at {when} by call {kept.call_id}; its answer was not kept.",
        )
    marks = provenance(call_id, call, {}) | {f"{NS}/replayed": True, f"{NS}/original": kept.call_id}
    body = json.loads(kept.body)
    if kept.kind == "error":
        return ReplyError(body["code"], body["message"], body["data"], meta=marks)
    result = _fit(marked(body, marks), call)
    if replay.source in GUESSED and not replay.joined:
        way = f"set x_occurrence to {call.occurrence + 1}" if call.repeatable else "send it with a new idempotency key"
        result = with_text(
            result, f"Already done at {when}; not executed again. To repeat the action on purpose, {way}."
        )
    return Reply(result)


def found_reply(kept: Kept, call: ResolvedCall, call_id: str) -> Reply:
    """What a probe found of this very call. Raises Refused: result-withheld where it could not be kept."""
    if kept.body is None:
        raise Refused(Reason.RESULT_WITHHELD, f"{call.tool.id} was carried out; its own answer was lost.")
    return Reply(_fit(marked(json.loads(kept.body), provenance(call_id, call, {})), call))


def _fit(result: dict[str, Any], call: ResolvedCall) -> dict[str, Any]:
    """Clients hold a success against the tool's outputSchema, and throw away what does not fit.

    What a probe or a person knows of a call is not in the form of its own answer: where that has a schema, it is told as an
    error that says that the call was carried out.
    """
    if f"{NS}/reconstructed" not in result["_meta"] or "outputSchema" not in call.tool.definition:
        return result
    told = {name: member for name, member in result.items() if name != "structuredContent"}
    line = f"{call.tool.id} was carried out, do not repeat it. Its own answer was lost; this is what is known of it."
    return with_text({**told, "isError": True}, line)


def marked(result: Mapping[str, Any], marks: Mapping[str, Any]) -> dict[str, Any]:
    """The result with our marks beside the upstream's own `_meta`."""
    meta = result.get("_meta")
    return {**result, "_meta": {**(meta if isinstance(meta, Mapping) else {}), **marks}}


def with_text(result: Mapping[str, Any], line: str) -> dict[str, Any]:
    """The result with one more line for the model to read; a round that asks for input has no content."""
    if result.get("resultType") == INPUT_REQUIRED:
        return dict(result)
    content = result.get("content")
    return {**result, "content": [*(content if isinstance(content, list) else []), {"type": "text", "text": line}]}
