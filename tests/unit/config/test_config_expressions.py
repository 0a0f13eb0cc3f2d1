"""Expressions in `config.yaml`: a bad one is a fault at its place, whatever kind its upstream is."""

from pathlib import Path

import pytest
from config_kit import faults, loaded

PROBE = "probe: {tool: bank/find, args: {n: args.n}, found: result.ok}"
HTTP = "upstreams: {bank: {kind: mcp-http, url: 'http://b', tools: {pay: {%s}}}}"
OPENAPI = "upstreams: {bank: {kind: openapi, url: 'http://b', document: d, tools: {pay: {%s}}}}"


@pytest.mark.parametrize("upstream", [HTTP, OPENAPI])
@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ("accept: result.a ==", "accept: the expression does not parse as CEL"),
        ("accept: result.a == key", "accept: the expression reads 'key'"),
        ("probe: {tool: bank/find, found: args.nn == resul.n}", "probe.found: the expression reads 'resul'"),
        ("probe: {tool: bank/find, args: {n: result.n}, found: 'true'}", "probe.args.n: the expression reads 'result'"),
        ("probe: {tool: bank/find, args: {n: now()}, found: 'true'}", "probe.args.n: the expression calls now()"),
    ],
)
def test_a_bad_expression_is_a_fault_at_its_place(tmp_path: Path, upstream: str, settings: str, place: str) -> None:
    (fault,) = faults(tmp_path, "version: 1\n" + upstream % settings)
    assert fault.startswith(f"config.yaml:2: upstreams.bank.tools.pay.{place}")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("effect: mutating, on_in_doubt: probe", "need a `probe`"),
        ("effect: mutating, verify: true", "need a `probe`"),
        (f"effect: read, verify: true, {PROBE}", "leave out `verify`"),
    ],
)
def test_what_makes_no_sense_together_is_a_fault(tmp_path: Path, settings: str, says: str) -> None:
    (fault,) = faults(tmp_path, "version: 1\n" + HTTP % settings)
    assert says in fault


def test_good_ones_load(tmp_path: Path) -> None:
    said = f"effect: mutating, on_in_doubt: probe, verify: true, accept: result.ok, {PROBE}"
    found = loaded(tmp_path, "version: 1\n" + HTTP % said).upstreams["bank"].tools["pay"]
    assert (found.accept, found.probe is not None and found.probe.found) == ("result.ok", "result.ok")
