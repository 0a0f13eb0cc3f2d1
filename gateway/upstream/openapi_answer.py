"""What a plain HTTP service answered: reading it, bounded, and what it proves and says as a tool result.

Lives only here: ledger §1.5's column for HTTP statuses, and which bodies may pass: JSON, and the text types the operator
lists. A failure carries its body as text only, because clients hold structured content to the schema of a success. Must not
know operations, sockets or retries. `hear` is the only impure part. Called by `openapi.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from gateway.model.outcome import Answered, Carried, Cause, Lost, Unsent
from gateway.upstream.answer import Reader, Unusable, must_be_plain, parsed
from gateway.upstream.verdict import FOR_GOOD, TURNED_AWAY
from gateway.wire.strict_json import dump

_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "latin1", "windows-1252"})


@dataclass(frozen=True, slots=True)
class Told:
    """One answer as it came."""

    status: int
    body: bytes | None = None
    """None: not read, or it cannot be used."""
    kind: str = ""
    """Content type without parameters, lower case."""
    charset: str = "utf-8"
    why: str = ""
    """Why the body cannot be used, in our words."""
    retry_after_ms: int | None = None


async def hear(reader: Reader, response: aiohttp.ClientResponse) -> Told:
    """The status, and the body where it matters. Raises what aiohttp raises."""
    status, after = response.status, reader.retry_after(response)
    if not (200 <= status < 300 or 400 <= status < 500) or status in TURNED_AWAY:
        response.release()
        return Told(status, retry_after_ms=after)
    charset = (response.charset or "utf-8").lower()
    try:
        must_be_plain(response)
        body = b"" if response.method == "HEAD" else await reader.whole(response)
    except Unusable as unusable:
        response.close()
        return Told(status, why=str(unusable), retry_after_ms=after)
    return Told(status, body, response.content_type.lower(), charset, retry_after_ms=after)


def carried(told: Told, trusted: Collection[int], types: Collection[str]) -> Carried:
    """`trusted`: statuses by which this service proves that it did nothing; `types`: text that may pass."""
    match told.status:
        case status if status in TURNED_AWAY or status in trusted:
            cause: Cause = "never" if status in FOR_GOOD else "later"
            return Unsent(f"turned away with HTTP {status}", told.retry_after_ms, cause)
        case status if 200 <= status < 300:
            try:
                return _success(told, types)
            except Unusable as unusable:
                return Lost(str(unusable))
        case status if 300 <= status < 400:
            return Lost(f"HTTP {status}, and redirects are not followed")
        case status if 400 <= status < 500:
            return _failure(told, types)
        case status:
            return Lost(f"HTTP {status}")


def _success(told: Told, types: Collection[str]) -> Answered:
    if told.body == b"":
        return Answered({"content": [_text("")]}, _http(told, "text/plain"))
    if not _is_json(told):
        return Answered({"content": [_text(_decoded(told, types))]}, _http(told, told.kind))
    value = parsed(_body(told))
    wrapped = not isinstance(value, dict)
    structured = {"result": value} if wrapped else value
    result = {"content": [_text(dump(value).decode())], "structuredContent": structured}
    return Answered(result, _http(told, told.kind, wrapped=wrapped))


def _failure(told: Told, types: Collection[str]) -> Answered:
    """The service's own no: its words where they can be shown, then the status in ours."""
    status = f"The service answered HTTP {told.status}"
    try:
        said = dump(parsed(_body(told))).decode() if _is_json(told) and told.body else _decoded(told, types)
    except Unusable as unusable:
        status += f"; its words are not shown: {unusable}"
        return Answered({"content": [_text(f"{status}.")], "isError": True}, _http(told, None))
    content = [_text(said), _text(f"{status}.")]
    return Answered({"content": content, "isError": True}, _http(told, told.kind if told.body else "text/plain"))


def _is_json(told: Told) -> bool:
    return told.kind == "application/json" or told.kind.endswith("+json")


def _decoded(told: Told, types: Collection[str]) -> str:
    """Raises Unusable."""
    body = _body(told)
    if not body:
        return ""
    if told.kind not in types:
        raise Unusable("an answer that is neither JSON nor of a type listed in pass_types")
    if told.charset not in _CHARSETS:
        raise Unusable("text in a character set that is not read")
    try:
        return body.decode(told.charset)
    except UnicodeDecodeError:
        raise Unusable("text that is not in the character set it states") from None


def _body(told: Told) -> bytes:
    if told.body is None:
        raise Unusable(told.why)
    return told.body


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _http(told: Told, kind: str | None, *, wrapped: bool = False) -> dict[str, Any]:
    return {"status": told.status, "type": kind, "wrapped": wrapped}
