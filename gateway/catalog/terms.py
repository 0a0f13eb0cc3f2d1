"""From what the operator wrote about a tool to its terms.

Lives only here: that translation: spans to seconds, amounts to millionths; and which terms no call can meet. Pure; must not know what terms are good for.
Called by `definition`.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from gateway.config.upstreams import PriceSettings, ProbeSettings, ToolSettings
from gateway.model.terms import MICROS, Price, Probe, Terms


def terms(said: ToolSettings) -> Terms:
    """The terms of one tool."""
    return Terms(
        once=said.once,
        key_required=said.key == "required",
        delivered_s=seconds(said.delivered),
        undelivered_s=seconds(said.undelivered),
        in_doubt=said.on_in_doubt,
        dedupes_s=seconds(said.dedupes) or 0.0,
        probe=None if said.probe is None else _probe(said.probe),
        verify=said.verify,
        accept=said.accept,
        on_disconnect=said.on_disconnect,
        price=None if said.price is None else _price(said.price),
        at_most_bytes=said.at_most_bytes,
        poll_s=seconds(said.poll),
        volatile=frozenset(said.volatile),
    )


def unmet(terms: Terms, schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Settings that a call must bring an argument for, and the path of it, where the schema names no such argument."""
    paths = [("once", path) for path in terms.once]
    if terms.price is not None and terms.price.argument is not None:
        paths.append(("price.argument", terms.price.argument))
    known = schema.get("properties")
    for setting, path in paths:
        if not isinstance(known, dict) or path.split(".")[1] not in known:
            yield setting, path


def seconds(span: timedelta | None) -> float | None:
    """A span in seconds; None stays None."""
    return None if span is None else span.total_seconds()


def _probe(said: ProbeSettings) -> Probe:
    return Probe(said.tool, said.args, said.found, said.settles.total_seconds())


def _price(said: PriceSettings) -> Price:
    return Price(_micros(said.fixed), said.argument, said.result, _micros(said.at_most))


def _micros(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount * MICROS)
