"""Who may use the operator plane: nobody without a token, viewers look, operators act."""

import pytest
from operator_kit import Office, Visitor, detail

OPEN = {"/livez", "/readyz", "/startupz", "/metrics"}
LOOKS = [
    ("GET", "/audit"),
    ("GET", "/audit/call-1"),
    ("GET", "/tools?agent=support-bot"),
    ("GET", "/agents"),
    ("GET", "/upstreams"),
    ("GET", "/policy"),
    ("GET", "/kill"),
    ("GET", "/keys"),
    ("GET", "/approvals"),
    ("GET", "/store"),
    ("GET", "/usage"),
    ("GET", "/doubts"),
]
ANSWERS = [("GET", "/approvals/a-1"), ("POST", "/approvals/a-1")]
"""Policy says who may; see test_operator_approvals."""
VERDICTS = [("GET", "/doubts/call-1"), ("POST", "/doubts/call-1")]
"""See test_operator_doubts."""
ASKS = [("POST", "/explain", {"agent": "support-bot", "tool": "h/refund"})]
ACTS = [
    ("POST", "/kill", {"kind": "all", "why": "smoke"}),
    ("DELETE", "/kill?kind=all", None),
    ("POST", "/keys", {"agent": "support-bot"}),
    ("DELETE", "/keys/k-1", None),
    ("POST", "/store/accept-loss", {"why": "drill"}),
]


async def test_every_route_but_probes_and_metrics_wants_a_token(visitor: Visitor) -> None:
    routes = [(method, path) for path, methods in visitor.app.openapi()["paths"].items() for method in methods]

    unguarded = set()
    for method, path in routes:
        answer = await visitor.ask(None, method.upper(), path.replace("{", "").replace("}", ""))
        if answer.status_code != 401:
            unguarded.add(path)

    assert unguarded == OPEN
    assert len(routes) == len(OPEN) + len(LOOKS) + len(ASKS) + len(ACTS) + len(ANSWERS) + len(VERDICTS)


@pytest.mark.parametrize("credential", [None, "Bearer tok-mallory", "Bearer ", "Basic dG9rLWl2eQ==", "tok-ivy"])
async def test_a_wrong_credential_is_told_what_to_send(visitor: Visitor, credential: str | None) -> None:
    headers = {"Authorization": credential} if credential else {}

    answer = await visitor.ask(None, "GET", "/audit", headers=headers)

    assert "operator token" in detail(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(("method", "path", "body"), [*((*look, None) for look in LOOKS), *ASKS])
async def test_a_viewer_looks_and_asks(visitor: Visitor, method: str, path: str, body: dict[str, str] | None) -> None:
    assert (await visitor.ask("ivy", method, path, json=body)).status_code == 200


@pytest.mark.parametrize(("method", "path", "body"), ACTS)
async def test_a_viewer_does_not_act_and_leaves_no_trace(
    visitor: Visitor, office: Office, method: str, path: str, body: dict[str, str] | None
) -> None:
    answer = await visitor.ask("ivy", method, path, json=body)

    assert detail(answer, 403) == "ivy lacks the role operator; give it in operator.tokens."
    assert office.acts == []


@pytest.mark.parametrize(("method", "path"), LOOKS)
async def test_the_role_operator_alone_does_not_look(visitor: Visitor, method: str, path: str) -> None:
    assert "lacks the role viewer" in detail(await visitor.ask("otto", method, path), 403)


async def test_a_hash_is_no_token(visitor: Visitor) -> None:
    from gateway.operator.access import token_hash

    answer = await visitor.ask(None, "GET", "/audit", headers={"Authorization": f"Bearer {token_hash('tok-ivy')}"})

    assert answer.status_code == 401
