"""A service that turns the gateway away for good: nothing was done, asking again does not help, and an operator must look."""

from collections.abc import Iterator
from typing import Any

import pytest
from bad_peer import reply
from e2e_http_kit import Json, Plane, once, told
from e2e_kit import outcome, structured

NEXT = "an operator should look at the upstream's credential."


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    made = Plane(tmp_path_factory.mktemp("refused"))
    yield made
    made.close()


def over_http(plane: Plane, tool: str, mark: str) -> Any:
    if tool == "look":
        return plane.http("GET", f"/http/own/look?q={mark}")
    return plane.http("POST", "/http/own/work", json={"n": mark})


def over_mcp(plane: Plane, tool: str, mark: str) -> Json:
    arguments = {"q": mark} if tool == "look" else {"body": {"n": mark}}
    return plane.gateway.call(plane.alice, f"own_{tool}", arguments)


def refusing(status: int, after_s: int) -> Any:
    body = {"secret": "of the service"}
    return once(lambda _: reply(status, body, retry_after=str(after_s), connection="close"))


def counted(plane: Plane) -> float:
    """Calls that ended so, as the metrics have it."""
    start = 'sallyport_requests_total{kind="call",outcome="failed",reason="upstream-refused"}'
    lines = plane.gateway.operator("GET", "/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(start))


@pytest.mark.parametrize("tool", ["look", "work"])
@pytest.mark.parametrize("status", [401, 413])
def test_a_service_that_turns_the_gateway_away_is_not_told_as_one_to_ask_again(
    plane: Plane, status: int, tool: str
) -> None:
    before, reached = counted(plane), len(plane.own.got)
    with plane.says(refusing(status, 1)):
        plain = over_http(plane, tool, f"http {status}")
        spoken = over_mcp(plane, tool, f"mcp {status}")

    problem = told(plain, 502, "upstream-refused")
    assert "retry-after" not in plain.headers
    assert spoken["result"]["isError"] is True
    for found in (problem, outcome(spoken)):
        assert (found["code"], found["executed"], found["retry"]) == (50202, "no", "never")
        assert found["remedy"].endswith(NEXT)
        assert "retry_after_ms" not in found
    assert problem["detail"] == f"own did not take the call: turned away with HTTP {status}."
    assert "of the service" not in plain.text + str(spoken)
    record = plane.records(plain)[-1]
    assert (record["outcome"], record["reason"], record["code"]) == ("failed", "upstream-refused", 50202)
    assert record["executed"] == "no"
    assert counted(plane) == before + 2
    assert len(plane.own.got) == reached + 2  # once each: nothing is sent again

    assert over_http(plane, tool, f"http {status}").status_code == 200
    assert structured(over_mcp(plane, tool, f"mcp {status}"))["path"].startswith(f"/{tool}")
    assert len(plane.own.got) == reached + 4


def test_a_service_that_is_busy_is_still_one_to_ask_again(plane: Plane) -> None:
    with plane.says(refusing(429, 9)):
        plain = over_http(plane, "work", "busy")
    assert told(plain, 503, "upstream-unavailable")["retry"] == "after"
    assert int(plain.headers["retry-after"]) >= 9
