"""The sanitize room: what comes back from an upstream is cleaned, what is persisted is redacted.

Lives only here: the port's four questions, and the promise that nothing leaves uncleaned: whatever goes wrong inside
becomes a withheld result. Must not know the road, records or HTTP. `app.py` constructs it, `pipeline.py` and the
catalog's composition call it. `findings.py` lists what it can report.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gateway.config.schema import Sanitize
from gateway.model.cleaned import Cleaned
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import ListKind, Tool
from gateway.sanitize import beside
from gateway.sanitize.blocks import Blocks, Malformed
from gateway.sanitize.definitions import Definitions
from gateway.sanitize.findings import Findings
from gateway.sanitize.journal import Journal
from gateway.sanitize.leaf import Leaf
from gateway.sanitize.results import Results
from gateway.sanitize.secrets import Redactor
from gateway.sanitize.structured import Unfit
from gateway.sanitize.walk import TooMuch, Walk


class Clean:
    """Cleans by rules alone: no model, no network, linear time."""

    def __init__(self, limits: Sanitize, redaction_key: bytes) -> None:
        """`redaction_key` keys the marks in redaction tokens: under one key, equal secrets have equal marks."""
        self._limits = limits
        self._leaf = Leaf(Redactor(redaction_key), limits.max_text)
        self._blocks = Blocks(self._leaf, limits)
        self._results = Results(self._blocks)
        self._definitions = Definitions(self._leaf, limits)
        self._journal = Journal(self._leaf, limits)

    def result(self, result: Mapping[str, Any], tool: Tool) -> Cleaned:
        """The result of a call, in the form of its kind; structured content stays valid. Raises Refused: result-withheld."""
        with _withheld(f"The result of {tool.label}"):
            if tool.kind == "tool":
                return self._results.clean(result, tool)
            return beside.clean(result, tool.kind, self._blocks)

    def error(self, message: str, data: Any) -> tuple[Cleaned, Cleaned]:
        """Message and data of a JSON-RPC error. Raises Refused: result-withheld."""
        with _withheld("The upstream's error"):
            return self._any(message), self._any(data)

    def value(self, value: Any) -> Cleaned:
        """Any other JSON of an upstream's. Raises Refused: result-withheld."""
        with _withheld("What the upstream said"):
            return self._any(value)

    def definition(self, definition: Mapping[str, Any], kind: ListKind = "tools") -> Cleaned:
        """An entry of a list, for publication: prose is cleaned, names, URIs and values are not changed.

        Raises Refused: result-withheld, when it passes the limits; leave it out.
        """
        with _withheld("A definition"):
            return self._definitions.clean(definition, kind)

    def redacted(self, value: Any) -> Cleaned:
        """A copy fit for the journal: secrets replaced, long strings shortened. Never raises."""
        return self._journal.copy(value)

    def _any(self, value: Any) -> Cleaned:
        found = Findings()
        walk = Walk(found, self._limits.max_nodes, self._limits.max_depth)
        cleaned = walk.over(value, lambda text, path: self._leaf.text(text, found, name=str(path[-1]) if path else ""))
        return Cleaned(cleaned, dict(+found))


@contextmanager
def _withheld(what: str) -> Iterator[None]:
    """Turns everything that goes wrong into a refusal that shows nothing of the upstream's text."""
    try:
        yield
    except (Malformed, TooMuch, Unfit) as reason:
        raise Refused(Reason.RESULT_WITHHELD, f"{what} was withheld: {reason}.") from None
    except Exception as defect:
        raise Refused(Reason.RESULT_WITHHELD, f"{what} was withheld: cleaning it failed.") from defect
