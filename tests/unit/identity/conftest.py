"""A clock that stands still, a key server that does what it is told, tokens, and a room around them."""

import asyncio
import contextlib
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.config.schema import Identity
from gateway.identity.jwks import KeySets, key_client
from gateway.identity.keyring import Keyring
from gateway.identity.peers import Peers
from gateway.identity.room import Callers
from gateway.identity.seen import Seen
from gateway.model.call import Arrival
from gateway.tasks import Tasks

START = 1_800_000_000.0
ISSUER = "https://id.example"


class StillClock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at

    def monotonic(self):
        return self.at - START + 1000.0


class KeyServer:
    """A real HTTP server on a port of its own; `answer` is sent as it is."""

    def __init__(self):
        self.asked = 0
        self.answer = b""
        self.hold = None

    def serves(self, *keys):
        self.says(200, json.dumps({"keys": [key.public for key in keys]}).encode())

    def says(self, status, body, *headers):
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        self.answer = "\r\n".join(lines).encode() + body

    async def start(self):
        self.server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/jwks"
        return self

    async def _one(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        answer = self.answer
        if self.hold is not None:
            await self.hold.wait()
        writer.write(answer)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()


class Key:
    """A signing key and its public half as a JWK."""

    def __init__(self, kid, algorithm="ES256", **more):
        self.kid, self.algorithm = kid, algorithm
        if algorithm == "ES256":
            self.private = ec.generate_private_key(ec.SECP256R1())
            self.public = json.loads(ECAlgorithm.to_jwk(self.private.public_key()))
        else:
            self.private = rsa.generate_private_key(65537, 2048)
            self.public = json.loads(RSAAlgorithm.to_jwk(self.private.public_key()))
        self.public |= {"use": "sig", **more} | ({"kid": kid} if kid is not None else {})

    def signs(self, headers=None, **claims):
        said = {"iss": ISSUER, "aud": "gw", "sub": "alice", "client_id": "bot", "exp": START + 600, "iat": START}
        said = {name: value for name, value in {**said, **claims}.items() if value is not None}
        named = {} if self.kid is None else {"kid": self.kid}
        return jwt.encode(said, self.private, self.algorithm, headers={**named, **(headers or {})})


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture(scope="session")
def key():
    return Key("one")


@pytest.fixture(scope="session")
def other_key():
    return Key("two")


@pytest.fixture(scope="session")
def rsa_key():
    return Key("rsa", "RS256")


@pytest.fixture
async def tasks():
    running = Tasks()
    yield running
    await running.close()


@pytest.fixture
async def server(key):
    running = await KeyServer().start()
    running.serves(key)
    yield running
    await running.stop()


@pytest.fixture
async def elsewhere(other_key):
    running = await KeyServer().start()
    running.serves(other_key)
    yield running
    await running.stop()


@pytest.fixture
async def client():
    async with key_client() as opened:
        yield opened


@pytest.fixture
def an_issuer(server):
    def issuer(name="main", **more):
        return {"id": name, "issuer": ISSUER, "audience": "gw", "jwks": server.url, **more}

    return issuer


@pytest.fixture
def room(tmp_path, clock, tasks, client):
    """Builds a room from an `identity` section."""

    def build(section, agents=("bot", "other-bot"), seen=None, remembers_since=0.0):
        config = Identity.model_validate(section)
        keysets = KeySets([*config.issuers, *config.peers], client, clock, tasks, tmp_path)
        peers = Peers(config.peers, keysets, seen or Seen(clock), clock, remembers_since) if config.peers else None
        keyring = Keyring(tmp_path / "keys.json", clock)
        return Callers(config, agents, keyring, keysets, clock, peers)

    return build


def arriving(credential=None, endpoint=None, assertion=None):
    return Arrival(call_id="c", credential=credential, endpoint_agent=endpoint, assertion=assertion)


@pytest.fixture(scope="session")
def arrival():
    return arriving


@pytest.fixture(scope="session")
def until():
    """Waits for a condition that another task brings about; bounded."""

    async def wait(condition):
        end = time.monotonic() + 5
        while not condition():
            assert time.monotonic() < end, "waited for 5 s in vain"
            await asyncio.sleep(0.005)

    return wait
