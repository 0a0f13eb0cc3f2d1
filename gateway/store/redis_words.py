"""Every fault of a connection in our words: what is wrong with the server or with `state.store`, and where to look.

Lives only here: which error of redis-py means what. A refused connection, a closed one and a TLS handshake that failed are
one class there; what they came from (`__context__`) tells them apart. Of what a server or a library says only the code goes
through, for the rest may repeat what was sent. Must not know commands and scripts. Called by the link.
"""

from dataclasses import dataclass
from ssl import SSLCertVerificationError, SSLError
from typing import Final

from redis.exceptions import AuthenticationError, InvalidResponse, RedisError, ResponseError
from redis.exceptions import ConnectionError as NotConnected

_ANSWERS: Final = {
    "OOM": "is full (maxmemory)",
    "READONLY": "is a read-only replica",
    "LOADING": "is still loading its data",
    "NOAUTH": "asks for a password and state.store has none",
    "WRONGPASS": "refuses the password in state.store",
    "NOPERM": "denies this user a command or key of the ledger",
    "MOVED": "is a cluster node without our keys: name the one that has the slot of {sallyport}",
}
_NO_DATABASE: Final = ("DB index is", "SELECT is not allowed")
"""Valkey, Redis; a Redis cluster."""


@dataclass(frozen=True, slots=True)
class Address:
    """What `state.store` says, but for user and password."""

    place: str
    """host:port"""
    database: int
    tls: bool

    def said(self, error: Exception, command_s: float, *, met: bool) -> str:
        """One sentence. `met`: a server has answered there before, so TLS is not what keeps it from answering."""
        match error:
            case AuthenticationError(status_code="ERR"):
                what = "asks for no password and state.store has one"
            case NotConnected(status_code="ERR"):
                what = "takes no more connections (maxclients)"
            case ResponseError(args=(str(text), *_)) if text.startswith(_NO_DATABASE):
                what = f"has no database {self.database} (state.store)"
            case RedisError(status_code=str(code)) if code in _ANSWERS:
                what = _ANSWERS[code]
            case ResponseError():
                what = f"refused a step of the ledger ({error.status_code or str(error).partition(' ')[0]})"
            case InvalidResponse():
                what = "does not speak the Redis protocol; look at scheme, host and port in state.store"
            case TimeoutError():
                what = f"did not answer within {command_s * 1000:.0f} ms{self._doubt if self.tls and not met else ''}"
            case _:
                what = self._unconnected(error.__context__, met=met)
        return f"the store {self.place} {what}"

    def _unconnected(self, cause: BaseException | None, *, met: bool) -> str:
        match cause:
            case SSLCertVerificationError():
                return "shows a certificate that is not trusted, or not its own; look at ssl_ca_certs in state.store"
            case SSLError(reason=str(reason)):
                return f"failed the TLS handshake ({reason}){self._doubt}"
            case FileNotFoundError():
                return "was not asked, because a file that state.store names is not there"
            case None | ConnectionResetError() if not met:
                return f"closed the connection{self._doubt}"
            case _:
                return "cannot be reached"

    @property
    def _doubt(self) -> str:
        if self.tls:
            return "; does it speak TLS? state.store begins with rediss://"
        return "; does it speak only TLS? state.store begins with redis://"
