"""After an installation Helm says what survives what, loudly where something does not."""

import pytest
from deploy_kit import LOCAL, REDIS, Values, laid, render

AGENT: Values = {"agent": {"image": "registry.example.com/agent:1"}}
GATEWAY: Values = {"mode": "gateway"}
REPEATS = "A MUTATING CALL MAY REPEAT after a reschedule"


@pytest.mark.parametrize("way", [AGENT, GATEWAY, {}], ids=["sidecar", "gateway", "templates"])
def test_a_local_ledger_is_told_first_and_loudly(way: Values) -> None:
    notes = render(laid(LOCAL, way)).notes

    assert notes.strip().splitlines()[0].startswith("!! THE LEDGER IS LOCAL")
    assert REPEATS in notes


@pytest.mark.parametrize("way", [AGENT, GATEWAY], ids=["sidecar", "gateway"])
def test_a_shared_ledger_is_not_warned_of(way: Values) -> None:
    assert REPEATS not in render(laid(REDIS, way)).notes
    assert "Ledger: Redis." in render(laid(REDIS, way)).notes


def test_a_claim_that_somebody_vouches_for_is_not_warned_of() -> None:
    notes = render(laid(LOCAL, GATEWAY, {"config": {"state": {"ephemeral": False}}})).notes

    assert REPEATS not in notes
    assert "Ledger: local, on a volume claim of which you say that it outlives the pod." in notes


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (laid(REDIS, AGENT), "LOST WITH THE POD"),
        (laid(REDIS, AGENT, {"journal": {"volume": "ephemeral"}}), "DELETED WITH THE POD"),
        (laid(REDIS, GATEWAY), "Survives container, pod and reschedule"),
    ],
    ids=["emptyDir", "ephemeral", "pvc"],
)
def test_what_the_journal_survives_is_told(values: Values, told: str) -> None:
    assert told in render(values).notes


def test_a_sidecar_is_said_to_be_passable() -> None:
    assert "no NetworkPolicy keeps the agent from calling the tools directly" in render(laid(REDIS, AGENT)).notes
    assert "!! networkPolicy.enabled=false" in render(laid(REDIS, GATEWAY, {"networkPolicy": {"enabled": False}})).notes


def test_a_prometheus_that_is_shut_out_is_told() -> None:
    scraped: Values = {"serviceMonitor": {"enabled": True}}
    admitted: Values = {"networkPolicy": {"operators": [{"namespaceSelector": {}}]}}

    assert "it cannot scrape" in render(laid(REDIS, GATEWAY, scraped)).notes
    assert "it cannot scrape" not in render(laid(REDIS, GATEWAY, scraped, admitted)).notes


def test_the_commands_name_what_was_installed() -> None:
    assert "exec deployment/desk-sallyport -c sallyport -- sallyport audit query" in render(laid(REDIS, AGENT)).notes
    assert "exec statefulset/desk-sallyport -- sallyport audit query" in render(laid(REDIS, GATEWAY)).notes
    assert "http://desk-sallyport:8080/mcp" in render(laid(REDIS, GATEWAY)).notes
