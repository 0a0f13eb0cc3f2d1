"""An agent runtime that serves many users: one credential of its own, and a signed word for each request of whom it is."""

import json
import uuid
from pathlib import Path
from typing import Any

import jwt
from e2e_issuer import Issuer, SigningKey
from e2e_kit import ROOT, Gateway, api_key, helpdesk_config

from gateway.clock import SystemClock

ROWS = """\
g, user:alice, role:support, default
g, user:bob, role:lead, default
p, read, role:support, default, *, helpdesk/ticket_get, call, -, allow
p, pay, role:support, default, *, helpdesk/refund_create, call, small, allow
p, lead, role:lead, default, *, */*, call, -, allow
"""
HEADER = "Sallyport-User"
KIND = "sallyport-user+jwt"


class Runtime:
    """Acts as `support-bot` for whomever it says; its keys lie in a file or, with `server`, behind a URL."""

    def __init__(self, name: str, folder: Path, server: Issuer | None = None) -> None:
        self.name, self.server = name, server
        self.folder, self.file = folder, folder / f"{name}.jwks"
        self.key = SigningKey(f"{name}-1")
        self.credential, self.entry = api_key(f"{name}-key", "support-bot", None)
        self.publish(self.key)

    def section(self) -> dict[str, Any]:
        """The entry of `identity.peers`."""
        source = {"keys": self.file.name} if self.server is None else {"jwks": self.server.section("x")["jwks"]}
        return {"id": self.name, "agents": ["support-bot"], **source}

    def publish(self, *keys: SigningKey) -> None:
        """What counts from now on."""
        if self.server is not None:
            self.server.keys = list(keys)
            return
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps({"keys": [key.public for key in keys]}), encoding="utf-8")
        fresh.replace(self.file)

    def claims(self, user: str = "alice", **claims: Any) -> dict[str, Any]:
        """Of an assertion of this moment; a claim that is None is left out."""
        now = int(SystemClock().now())
        said = {"iss": self.name, "aud": "sallyport", "sub": user, "iat": now, "exp": now + 60, "jti": uuid.uuid4().hex}
        return {name: value for name, value in {**said, **claims}.items() if value is not None}

    def asserts(
        self, user: str = "alice", key: SigningKey | None = None, headers: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        signer = key or self.key
        named = {"kid": signer.kid, "typ": KIND, **(headers or {})}
        return jwt.encode(self.claims(user, **claims), signer.private, signer.algorithm, named)

    def acting(self, user: str, **claims: Any) -> dict[str, dict[str, str]]:
        """Keyword arguments of a request for a user."""
        return {"headers": {HEADER: self.asserts(user, **claims)}}


def runtime_config(url: str, *runtimes: Runtime, keys: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """The example's configuration with peers, and two people of whom one may do little."""
    config = helpdesk_config(url, [*(runtime.entry for runtime in runtimes), *keys])
    config["identity"]["peers"] = [runtime.section() for runtime in runtimes]
    folder = runtimes[0].folder
    (folder / "policy.csv").write_text(ROWS, encoding="utf-8")
    (folder / "conditions.yaml").write_text("small: args.amount_cents <= 10000\n", encoding="utf-8")
    model = str(ROOT / "policies/model.conf")
    config["policy"] = {"model": model, "rows": "policy.csv", "conditions": "conditions.yaml"}
    return config


def journal(gateway: Gateway) -> bytes:
    """All that was written of the calls."""
    return b"".join(path.read_bytes() for path in (gateway.folder / "state/journal").glob("*.log"))
