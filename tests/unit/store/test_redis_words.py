"""A `state.store` that names the wrong thing: what is wrong and where to look, by what really answers there."""

import asyncio
import datetime as dt
import ipaddress
import ssl

import pytest
import redis
import redis_kit
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.model.work import StoreUnavailable
from gateway.store.redis_link import COMMAND_S, RedisLink

TLS = "; does it speak TLS? state.store begins with rediss://"
PLAIN = "; does it speak only TLS? state.store begins with redis://"
PROTOCOL = "does not speak the Redis protocol; look at scheme, host and port in state.store"
CERTIFICATE = "shows a certificate that is not trusted, or not its own; look at ssl_ca_certs in state.store"
WRONG = {
    "redis://127.0.0.1:{locked}": "asks for a password and state.store has none",
    "redis://:hush@127.0.0.1:{locked}": "refuses the password in state.store",
    "redis://:hush@127.0.0.1:{open}": "asks for no password and state.store has one",
    "redis://127.0.0.1:{open}/99": "has no database 99 (state.store)",
    "redis://:hush@127.0.0.1:{web}": PROTOCOL,
    "redis://:hush@127.0.0.1:{tls}": f"closed the connection{PLAIN}",
    "rediss://127.0.0.1:{web}": f"failed the TLS handshake (WRONG_VERSION_NUMBER){TLS}",
    "rediss://127.0.0.1:{tls}": CERTIFICATE,
    "rediss://localhost:{tls}?ssl_ca_certs={trusted}": CERTIFICATE,
    "rediss://127.0.0.1:{tls}?ssl_ca_certs=/not/there": "was not asked, because a file that state.store names is not there",
    "rediss://127.0.0.1:1": "cannot be reached",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with key and certificate of 127.0.0.1."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        .add_extension(here, critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    file.write_bytes(key.private_bytes(pem, *form) + made.public_bytes(pem))
    return file


class Door:
    """A TLS port before a server that lets everybody in."""

    def __init__(self):
        self.shut = self.gone = False

    async def pass_on(self, reader, writer):
        if self.gone:
            return writer.close()
        inner, outer = await asyncio.open_connection("127.0.0.1", redis_kit.shared().port)
        while asked := await reader.read(10_000):
            if not self.shut:
                outer.write(asked)
                writer.write(await inner.read(10_000))
        outer.close()
        writer.close()


async def web(reader, writer):
    await reader.readline()
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()


@pytest.fixture
def door():
    return Door()


@pytest.fixture
async def places(certificate, door):
    """Ports by what is behind them, and the file that vouches for the certificate of one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with await asyncio.start_server(web, "127.0.0.1") as site:
        async with await asyncio.start_server(door.pass_on, "127.0.0.1", ssl=context) as tls:
            ports = {"web": site.sockets[0].getsockname()[1], "tls": tls.sockets[0].getsockname()[1]}
            yield ports | {"open": redis_kit.shared().port, "trusted": certificate}


@pytest.fixture(scope="module")
def locked():
    server = redis_kit.server()
    with redis.Redis(port=server.port) as client:
        client.config_set("requirepass", "other")
    yield server.port
    server.stop()


async def fault(url, command_s=redis_kit.UNHURRIED_S):
    """What is said after `the store host:port `."""
    link = RedisLink(url, command_s=command_s)
    with pytest.raises(StoreUnavailable) as caught:
        await link.command("PING")
    await link.close()
    assert str(caught.value) == link.fault
    return link.fault.removeprefix(f"the store {link.place} ")


@pytest.mark.parametrize("url", WRONG)
async def test_it_is_said_what_is_wrong_and_where_to_look(places, locked, url):
    assert await fault(url.format_map(places | {"locked": locked})) == WRONG[url]


async def test_a_server_without_tls_waits_for_more_and_its_silence_is_explained(places):
    url = f"rediss://127.0.0.1:{places['open']}"
    assert await fault(url, COMMAND_S) == f"did not answer within 250 ms{TLS}"


async def test_a_server_that_is_crowded_says_so():
    server = redis_kit.server(maxclients=1)
    first = RedisLink(redis_kit.url(server), command_s=redis_kit.UNHURRIED_S)
    await first.command("PING")
    assert await fault(redis_kit.url(server)) == "takes no more connections (maxclients)"
    await first.close()
    server.stop()


async def test_whoever_has_answered_once_is_not_asked_whether_it_speaks_tls(places, door):
    url = "rediss://127.0.0.1:{tls}?ssl_ca_certs={trusted}".format_map(places)
    link = RedisLink(url, command_s=redis_kit.UNHURRIED_S)
    assert await link.command("PING") == b"PONG"
    assert link.fault is None
    link._command_s, door.shut = COMMAND_S, True
    with pytest.raises(StoreUnavailable, match=r"did not answer within 250 ms$"):
        await link.command("PING")
    link._command_s, door.gone = redis_kit.UNHURRIED_S, True
    with pytest.raises(StoreUnavailable, match=r"cannot be reached$"):
        await link.command("PING")
    await link.close()
