"""How single values of `config.yaml` are written: durations, ids, globs.

Lives only here: their spelling, bounds and published patterns. Must not know sections. Used by the sections.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)

from gateway.config.globs import misplaced
from gateway.wire.strict_json import canonical

_TLS: Final = frozenset(
    {"ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile", "ssl_check_hostname", "ssl_keyfile"}
)
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = r"^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h|d)$"


def _duration(value: Any) -> Any:
    """`10s`, `250ms`, `5m`, `2h`, `1d` → timedelta; a bare number has no unit and is refused."""
    if isinstance(value, str) and (match := re.fullmatch(_DURATION, value)):
        value = timedelta(seconds=float(match[1]) * _UNITS[match[2]])
    if isinstance(value, timedelta) and value > timedelta(0):
        return value
    raise ValueError("write a duration above zero with its unit: 250ms, 10s, 5m, 2h or 1d")


def duration(value: timedelta) -> str:
    """As the configuration spells durations: the largest unit that leaves a whole number."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if value and not value % timedelta(seconds=size):
            return f"{value // timedelta(seconds=size)}{unit}"
    return f"{value / timedelta(milliseconds=1):.3f}".rstrip("0").rstrip(".") + "ms"


def json_value(value: Any) -> Any:
    """YAML knows values that JSON does not, such as dates and .nan."""
    try:
        canonical(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"write a value that JSON has: {error}") from None
    return value


def store_home(value: Any) -> Any:
    """`sqlite` or the URL of a Redis. What is wrong with it is said without repeating it: it may hold a password."""
    if not isinstance(value, str) or value == "sqlite":
        return value
    parts = _split(value)
    if parts is None or not re.fullmatch(r"rediss?://\S+", value) or not parts.hostname or parts.fragment:
        raise ValueError(
            "write sqlite, or redis://user:password@host:port/0 (rediss:// for TLS) for a server that several gateways "
            "share; in a password / is %2F, # is %23, ? is %3F and @ is %40"
        )
    if not re.fullmatch(r"(/\d*)?", parts.path):
        raise ValueError("the path of the URL is the number of a database: /0")
    known = _TLS if parts.scheme == "rediss" else frozenset()
    if not known.issuperset(name for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise ValueError(f"after the ? of the URL only these are known, with rediss://: {', '.join(sorted(_TLS))}")
    return value


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:  # a port that is no number, mostly a part of the password; the error would repeat it
        return None


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": _DURATION, "examples": ["10s", "250ms"]}),
]


def _amount(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


Amount = Annotated[Decimal, PlainSerializer(_amount, return_type=int | float)]
"""An exact number of at most six decimals: money, or a count."""
Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$", max_length=40)]


def _glob(value: str) -> str:
    if misplaced(value):
        raise ValueError("write ** as the whole last part only: upstream/file:///docs/**; * never crosses a /")
    return value


Glob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*-]+/[A-Za-z0-9_./*-]+$"), AfterValidator(_glob)]
UriGlob = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.*-]+/\S+$"), AfterValidator(_glob)]
ToolIdText = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*/[^*\s]+$")]
PublishedName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
