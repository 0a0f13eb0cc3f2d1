"""The operator plane: who gets in, what the audit answers, probes, metrics, documentation, traces."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from e2e_kit import HTTP, Gateway, HelpDesk, api_key, helpdesk_config

from gateway.model.audit import FILTERS

READS = ["/audit", "/audit/x", "/agents", "/policy", "/kill", "/keys", "/tools?agent=support-bot"]
CHANGES = [
    ("POST", "/kill", {"kind": "all", "why": "a test"}),
    ("DELETE", "/kill?kind=all", None),
    ("POST", "/keys", {"agent": "support-bot"}),
    ("DELETE", "/keys/nobody", None),
]
Record = dict[str, Any]


class Desk:
    """A gateway with one token for each role, and with some traffic of every kind behind it."""

    def __init__(self, helpdesk: HelpDesk, gateway_folder: Any) -> None:
        self.alice, alice_entry = api_key("alice-key", "support-bot", "alice")
        self.bob, bob_entry = api_key("bob-key", "ops-bot", "bob")
        config = helpdesk_config(helpdesk.url, [alice_entry, bob_entry])
        self.tokens = {role: f"a token of the {role}" for role in ("viewer", "operator")}
        config["operator"] = {"tokens": [_token(role, token) for role, token in self.tokens.items()]}
        self.gateway = Gateway(gateway_folder, config, main="tests.e2e.e2e_traced")
        self.gateway.start()
        self.read()
        call, labelled = self.gateway.call, {"meta": {"io.sallyport/run": "run-7"}}
        refund = {"order_id": 5, "amount_cents": 9, "reason": "for the record"}
        for _ in range(2):
            call(self.bob, "helpdesk_refund_create", refund)
        call(self.alice, "helpdesk_refund_create", {**refund, "amount_cents": 200_000}, **labelled)
        call(self.alice, "helpdesk_nothing_of_the_kind")
        self.gateway.rpc(None, "tools/list")
        self.gateway.rpc(self.alice, "tools/list")
        self.gateway.operator("POST", "/kill", json={"kind": "user", "target": "nobody", "why": "for the record"})

    def ask(self, method: str, path: str, token: str | None, **more: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return HTTP.request(method, self.gateway.operator_url + path, headers=headers, **more)

    def read(self, count: int = 1) -> None:
        for number in range(1, count + 1):
            self.gateway.call(self.alice, "helpdesk_ticket_get", {"id": number})

    def page(self, **filters: str) -> tuple[list[Record], str | None]:
        answer = self.gateway.operator("GET", "/audit", params=filters).json()
        return answer["records"], answer["next"]

    def lines(self, **filters: str) -> list[Record]:
        answer = self.gateway.operator("GET", "/audit", params=filters, headers={"Accept": "application/x-ndjson"})
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture(scope="module")
def desk(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    made = Desk(helpdesk, tmp_path_factory.mktemp("desk"))
    yield made
    made.gateway.stop()


def _token(role: str, token: str) -> dict[str, Any]:
    return {"id": role, "hash": "sha256:" + hashlib.sha256(token.encode()).hexdigest(), "roles": [role]}


def test_looking_needs_a_viewer_and_changing_an_operator(desk: Desk) -> None:
    for path in READS:
        assert desk.ask("GET", path, None).status_code == 401
        assert desk.ask("GET", path, desk.alice).status_code == 401
        assert desk.ask("GET", path, desk.tokens["operator"]).status_code == 403
        assert desk.ask("GET", path, desk.tokens["viewer"]).status_code == (404 if path == "/audit/x" else 200)
    for method, path, body in CHANGES:
        assert desk.ask(method, path, None, json=body).status_code == 401
        assert desk.ask(method, path, desk.tokens["viewer"], json=body).status_code == 403
        assert desk.ask(method, path, desk.tokens["operator"], json=body).status_code in {200, 201, 404}
    who = {one["who"] for one in desk.lines(kind="operator", order="newest")[:4]}
    assert who == {"operator"}
    refused = desk.ask("GET", "/audit", None)
    assert refused.headers["www-authenticate"].startswith("Bearer")


def test_each_filter_finds_what_has_its_value_and_nothing_else(desk: Desk) -> None:
    everything, more = desk.page(limit="1000", order="oldest")
    assert more is None
    for name in FILTERS:
        by_value: dict[str, list[Record]] = {}
        for record in everything:
            found = record.get("key", {}).get("record") if name == "key" else record.get(name)
            if found is not None:
                by_value.setdefault(found, []).append(record)
        assert by_value, name
        for wanted, expected in list(by_value.items())[:8]:
            assert desk.page(limit="1000", order="oldest", **{name: wanted}) == (expected, None)
            assert desk.lines(order="oldest", limit="1", **{name: wanted}) == expected
        absent = {"kind": "gap", "outcome": "withheld", "decision": "ask"}.get(name, "nothing-of-the-kind")
        assert desk.page(**{name: absent}) == ([], None)


def test_a_span_of_time_and_several_filters_together_narrow_it(desk: Desk) -> None:
    everything, _ = desk.page(limit="1000", order="oldest")
    middle = everything[len(everything) // 2]["time"]
    assert desk.page(limit="1000", order="oldest", until=middle)[0] == [
        one for one in everything if one["time"] < middle
    ]
    assert desk.page(limit="1000", order="oldest", since=middle)[0] == [
        one for one in everything if one["time"] >= middle
    ]
    both = desk.page(agent="support-bot", outcome="refused", since="1h")[0]
    assert {one["reason"] for one in both} == {"policy-denied", "unknown-tool"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"Agent": "support-bot"},
        {"outcome": "fine"},
        {"limit": "0"},
        {"limit": "1001"},
        {"cursor": "garbage"},
        {"since": "yesterday"},
        {"order": "sideways"},
        {"agent": ["support-bot", "ops-bot"]},
    ],
    ids=str,
)
def test_a_question_that_makes_no_sense_is_refused_and_never_answered_with_everything(desk: Desk, wrong: Any) -> None:
    for accept in ("application/json", "application/x-ndjson"):
        answer = desk.gateway.operator("GET", "/audit", params=wrong, headers={"Accept": accept})
        assert answer.status_code in {400, 422}, answer.text[:200]
        assert answer.headers["content-type"] == "application/problem+json"
        assert next(iter(wrong)) in answer.json()["detail"]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_stay_whole_while_others_write(desk: Desk, order: str) -> None:
    before = [one["id"] for one in desk.page(limit="1000", order=order)[0]]
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        records, following = desk.page(limit="4", order=order, **cursor)
        seen += [one["id"] for one in records]
        if following is None:
            break
        if len(seen) < 13:
            desk.read(3)
        cursor = {"cursor": following}

    assert len(seen) == len(set(seen))
    assert seen == before if order == "newest" else seen[: len(before)] == before
    if order == "oldest":
        assert seen == [one["id"] for one in desk.page(limit="1000", order="oldest")[0]]


def test_metrics_count_what_the_journal_holds(desk: Desk) -> None:
    desk.read(3)
    answered = len(desk.page(limit="1000", kind="call", outcome="answered")[0])

    lines = HTTP.get(f"{desk.gateway.operator_url}/metrics").text.splitlines()

    assert f'sallyport_requests_total{{kind="call",outcome="answered",reason=""}} {answered}.0' in lines
    assert 'sallyport_requests_total{kind="call",outcome="replayed",reason=""} 1.0' in lines
    assert 'sallyport_requests_total{kind="call",outcome="refused",reason="policy-denied"} 1.0' in lines
    assert 'sallyport_call_seconds_count{tool="helpdesk/refund_create"} 3.0' in lines
    assert "sallyport_policy_stale 0.0" in lines


def test_probes_and_documentation_are_open_and_an_error_has_one_shape(desk: Desk) -> None:
    for path in ("/livez", "/readyz", "/startupz", "/metrics", "/docs"):
        assert desk.ask("GET", path, None).status_code == 200
    assert desk.ask("GET", "/readyz", None).json() == {"journal": "ok", "store": "ok", "keys": "ok", "load": "ok"}
    document = desk.ask("GET", "/openapi.json", None).json()
    assert {"/audit", "/audit/{call}", "/kill", "/keys", "/policy", "/tools", "/agents"} <= document["paths"].keys()
    asked = {one["name"] for one in document["paths"]["/audit"]["get"]["parameters"]}
    assert asked == {*FILTERS, "since", "until", "order", "limit", "cursor"}
    assert document["components"]["securitySchemes"]
    for method, path, status in (("GET", "/nothing", 404), ("PUT", "/kill", 405), ("GET", "/audit/no-such-call", 404)):
        answer = desk.gateway.operator(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["detail"]


def test_requests_of_operators_are_traced_and_probes_are_not(desk: Desk) -> None:
    desk.gateway.operator("GET", "/policy")
    HTTP.get(f"{desk.gateway.operator_url}/livez")

    spans = {line for line in desk.gateway.log.read_text().splitlines() if line.startswith("span ")}

    assert {"span <GET /policy>", "span <POST /kill>"} <= spans
    assert not [span for span in spans if "livez" in span or "startupz" in span or "metrics" in span]
