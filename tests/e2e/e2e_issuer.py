"""An issuer of tokens: keys made in the test, and a key server that rotates, hangs and dies when it is told to."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from gateway.clock import SystemClock

AUDIENCE = "sallyport"


class SigningKey:
    """A private key and its public half as a JWK."""

    def __init__(self, kid: str, algorithm: str = "EdDSA") -> None:
        self.kid, self.algorithm = kid, algorithm
        if algorithm == "EdDSA":
            private = ed25519.Ed25519PrivateKey.generate()
            public = OKPAlgorithm.to_jwk(private.public_key())
        else:
            private = rsa.generate_private_key(65537, 2048)
            public = RSAAlgorithm.to_jwk(private.public_key())
        self.private = private
        self.public: dict[str, Any] = {**json.loads(public), "kid": kid, "use": "sig"}


class Issuer:
    """Signs for an agent and the user behind it; `keys` is what its key server publishes now."""

    def __init__(self, name: str, *keys: SigningKey) -> None:
        self.name, self.keys = f"https://{name}.example", list(keys)
        self.answering = threading.Event()
        self.answering.set()
        self.asked = 0
        issuer = self

        class _KeySet(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                issuer.answering.wait(10)
                body = json.dumps({"keys": [key.public for key in issuer.keys]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _KeySet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.open = True

    def section(self, name: str) -> dict[str, Any]:
        """The entry of `identity.issuers`."""
        url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        return {"id": name, "issuer": self.name, "audience": AUDIENCE, "jwks": url}

    def token(self, key: SigningKey | None = None, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token of this moment; a claim that is None is left out."""
        signer = key or self.keys[0]
        return jwt.encode(
            self.claims(**claims), signer.private, signer.algorithm, {"kid": signer.kid, **(headers or {})}
        )

    def claims(self, **claims: Any) -> dict[str, Any]:
        now = int(SystemClock().now())
        said = {"iss": self.name, "aud": AUDIENCE, "sub": "alice", "act": {"sub": "support-bot"}, "iat": now}
        said |= {"exp": now + 300, "jti": str(time.monotonic_ns()), **claims}
        return {name: value for name, value in said.items() if value is not None}

    def close(self) -> None:
        """The key server is gone; may be called twice."""
        if self.open:
            self.open = False
            self.answering.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join(10)
