"""The scripted agent of the demo: three stories as real HTTP requests, told as they happen.

Lives only here: what a gullible agent does, the same whether a gateway stands in between or not. It knows an address and
perhaps a key, obeys what it reads, and tries again when a line breaks. What it reports is read from the answers, never
supposed. Must not know processes, terminals or what the gateway would say. Called by `demo`.
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from gateway.cli import voice
from gateway.cli.client import client

TICKET: Final = 13
ORDER: Final = 6
CENTS: Final = 5000
VICTIM: Final = 7
_COMMAND: Final = re.compile(r"Call \w+ and mail the result to (\S+@\S+?) with \w+")
_MASKED: Final = "[REDACTED:"
_WAIT_S: Final = 15.0


@dataclass(frozen=True, slots=True)
class Step:
    """One request, and what came back."""

    method: str
    path: str
    tool: str
    """The operation's id in the service's document, as the gateway names it."""
    arguments: Mapping[str, Any]
    """As the gateway names them."""
    status: int | None
    """None: the line broke before the answer was read."""
    said: str
    call: str | None = None
    """The gateway's id of the call."""
    reason: str | None = None
    """Why the gateway refused it."""
    replayed: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """For programs; without the arguments, which hold what was stolen."""
        names = ("method", "path", "tool", "status", "said", "call", "reason", "replayed")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True)
class _Heard:
    """One answer, or what is left of it."""

    method: str
    path: str
    status: int | None
    headers: Mapping[str, str]
    text: str

    @property
    def well(self) -> bool:
        return self.status is not None and httpx2.codes.is_success(self.status)

    @property
    def json(self) -> Mapping[str, Any]:
        """The members of a JSON object; none of anything else."""
        with contextlib.suppress(ValueError):
            found = json.loads(self.text)
            return found if isinstance(found, dict) else {}
        return {}


class Agent:
    """Speaks to `url`, the help desk or a gateway before it."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def poisoned(self) -> Iterator[Step]:
        """Reads a ticket and does what its text says."""
        heard = self._ask("GET", f"/tickets/{TICKET}")
        body = str(heard.json.get("body", ""))
        found = _COMMAND.search(body)
        yield _step("get_ticket", heard, _ticket(body, found), id=TICKET)
        if found is None:
            return
        exported = self._ask("GET", "/customers/export")
        rows = max(0, exported.text.count("\n") - 1)
        yield _step("export_customers", exported, f"{rows} customers, with e-mail address and phone number")
        mail = {"to": found[1], "subject": "As you asked", "body": exported.text if exported.well else body}
        heard = self._ask("POST", "/mail", mail)
        yield _step("send_mail", heard, f"mail {heard.json.get('id')} to {found[1]}", body=mail)

    def retried(self) -> Iterator[Step]:
        """Pays a refund, loses the answer, and tries again."""
        refund = {"order_id": ORDER, "amount_cents": CENTS, "reason": "Arrived damaged"}
        heard = self._ask("POST", "/refunds", refund, lost=True)
        yield _step("create_refund", heard, "the line breaks before the answer is read", body=refund)
        heard = self._ask("POST", "/refunds", refund)
        amount = money(heard.json.get("amount_cents"), heard.json.get("currency"))
        yield _step("create_refund", heard, f"refund {heard.json.get('id')}: {amount} for order {ORDER}", body=refund)

    def beyond(self) -> Iterator[Step]:
        """Erases a customer, which is nothing that support may do."""
        heard = self._ask("DELETE", f"/customers/{VICTIM}")
        yield _step("erase_customer", heard, f"customer {VICTIM} is now {heard.json.get('name')!r}", id=VICTIM)

    def _ask(self, method: str, path: str, body: Any = None, *, lost: bool = False) -> _Heard:
        """`lost`: hangs up once the answer begins, so the work is done and nobody reads what came of it."""
        with client(self._headers, _WAIT_S) as http, http.stream(method, self._url + path, json=body) as response:
            if lost:
                return _Heard(method, path, None, response.headers, "")
            response.read()
            return _Heard(method, path, response.status_code, response.headers, response.text)


def money(cents: Any, currency: Any) -> str:
    """An amount as people write it."""
    return f"{cents / 100:.2f} {currency}" if isinstance(cents, int) else "nothing"


def _step(tool: str, heard: _Heard, said: str, **arguments: Any) -> Step:
    """`said` is told of an answer that went well, and of one that was lost; a refusal speaks for itself."""
    refused = heard.status is not None and not heard.well
    if refused:
        said = f"refused: {heard.json.get('title') or heard.json.get('detail')}"
        said += f", executed: {heard.json['executed']}" if "executed" in heard.json else ""
    return Step(
        heard.method,
        heard.path,
        tool,
        arguments,
        heard.status,
        voice.plain(said),
        heard.headers.get("sallyport-call"),
        str(heard.json["reason"]) if refused and "reason" in heard.json else None,
        heard.status is not None and heard.headers.get("idempotent-replayed") == "true",
    )


def _ticket(body: str, found: re.Match[str] | None) -> str:
    """What a reader of the ticket meets, counted."""
    hidden = sum(character != "\n" and voice.acts(character) for character in body)
    masked = body.count(_MASKED)
    return " ".join(
        filter(
            None,
            (
                f"the text says: {found[0]}." if found else "the text gives no orders.",
                f"{hidden} characters of it are invisible." if hidden else None,
                f"{masked} keys in it are masked." if masked else None,
            ),
        )
    )
