"""The body of a request: announced as plain JSON, read within its limits, parsed once.

Lives only here: which content types and encodings are read at all, and where in that order bytes are waited for. Must not
know what a body says. Called by `plane` for messages, by the HTTP conversation for the bodies of operations.
"""

from typing import Any, Final

from gateway.listener.caller import Receive
from gateway.listener.head import Head
from gateway.listener.limits import Slot
from gateway.model.refusal import Reason, Refused
from gateway.wire.strict_json import MalformedJson, parse

_TYPE: Final = frozenset({"content-type", "content-encoding"})
"""Standing there twice, they say two things."""


async def json_body(head: Head, slot: Slot, receive: Receive, *, optional: bool = False) -> Any:
    """The parsed body; None for an empty one that is `optional`, which then needs no content type either.

    Raises Refused: wrong-type, too-large, too-slow, overloaded, malformed, cancelled.
    """
    if not (optional and head.get("content-type") is None and head.get("content-length") in (None, "0")):
        _must_be_json(head)
    body = await slot.body(receive, head.get("content-length"))
    if optional and not body:
        return None
    _must_be_json(head)
    try:
        return parse(body)
    except MalformedJson as error:
        raise Refused(Reason.MALFORMED, f"The body is no JSON this gateway accepts: {error}.") from None


def _must_be_json(head: Head) -> None:
    kind = (head.get("content-type") or "").partition(";")[0].strip().lower()
    plain = kind == "application/json" and head.get("content-encoding") in (None, "identity")
    if not plain or _TYPE & head.repeated:
        raise Refused(Reason.WRONG_TYPE, "The body is not announced as plain application/json.")
