"""One attempt of an agent and what it was told, read from an answer of either era."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

NS = "io.sallyport"
Said = Literal["success", "tool-error", "refused", "again", "broken"]
"""`again`: ask once more with the state that came; `broken`: no answer, whatever the reason."""


@dataclass(frozen=True)
class Told:
    """What one attempt came to."""

    operation: str
    gateway: int
    era: str
    began: float
    ended: float
    said: Said
    reason: str = ""
    executed: str = ""
    retry: str = ""
    retry_after_ms: int = 0
    call_id: str = ""
    replayed: bool = False
    answer: tuple[str, str, int, str] | None = None
    """op, user, cents and receipt as the server told them."""
    state: str = ""
    mismatched: bool = False
    """It was sent with other arguments under the operation's key, on purpose."""

    @property
    def final(self) -> bool:
        """An agent that obeys asks no more."""
        return self.said == "success" or (self.said == "refused" and self.retry in {"never", "new_key"})

    def line(self) -> str:
        return json.dumps(asdict(self))


def read(status: int, kind: str, body: bytes) -> dict[str, Any]:
    """Members of `Told` from an HTTP answer."""
    if kind.startswith("text/event-stream"):
        datas = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:") and line[5:].strip()]
        body = datas[-1] if datas else b""
    try:
        message = json.loads(body)
    except ValueError:
        return {"said": "broken", "reason": f"http-{status}"}
    if "error" in message and isinstance(message["error"], str):
        return {"said": "broken", "reason": message["error"]}
    if "error" in message:
        data = message["error"].get("data") or {}
        return _refused(data[f"{NS}/outcome"]) if f"{NS}/outcome" in data else _bare(message["error"])
    result = message.get("result")
    if not isinstance(result, Mapping):
        return _refused(message) if "reason" in message else {"said": "broken", "reason": f"http-{status}"}
    meta = result.get("_meta") or {}
    if result.get("resultType") == "input_required":
        return {"said": "again", "state": result.get("requestState", "")}
    if f"{NS}/outcome" in meta:
        return _refused(meta[f"{NS}/outcome"])
    known = {"call_id": meta.get(f"{NS}/provenance", {}).get("call_id", ""), "replayed": f"{NS}/replayed" in meta}
    if result.get("isError"):
        return {"said": "tool-error", **known}
    said = result.get("structuredContent") or {}
    told = (said.get("op", ""), said.get("user", ""), said.get("cents", 0), said.get("receipt", ""))
    return {"said": "success", "answer": told, "executed": "yes", **known}


def _refused(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "said": "refused",
        "reason": outcome.get("reason", ""),
        "executed": outcome.get("executed", ""),
        "retry": outcome.get("retry", ""),
        "retry_after_ms": outcome.get("retry_after_ms") or 0,
        "call_id": outcome.get("call_id", ""),
    }


def _bare(error: Mapping[str, Any]) -> dict[str, Any]:
    return {"said": "tool-error", "reason": f"json-rpc {error.get('code')}"}
