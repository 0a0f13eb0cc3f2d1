"""The configuration the chart writes is one the gateway takes, and holds no secret."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deploy_kit import LOCAL, REDIS, ROOT, Values, laid, render
from deploy_mounts import mounted

from gateway.checking import check
from gateway.config.load import load

GATEWAY: Values = {"mode": "gateway"}
AGENT: Values = {"agent": {"image": "registry.example.com/agent:1"}}
URL = "redis://:a-password@redis:6379/0"
DESK: Values = {
    "config": {
        "upstreams": {
            "helpdesk": {
                "kind": "mcp-http",
                "url": "http://helpdesk/mcp",
                "headers": {"Authorization": "Bearer ${env:DESK_TOKEN}"},
                "max_result": 4194304,
                "breaker": "off",
                "tools": {"*_get": {"effect": "read"}, "refund": {"effect": "mutating"}},
            }
        },
        "agents": {"support-bot": {"tools": ["helpdesk/*"]}},
        "identity": {"keys": [{"id": "k", "hash": f"sha256:{'0' * 64}", "agent": "support-bot", "user": "alice"}]},
        "loops": "off",
    },
    "policies": {
        "rows": "\n# who may do what\np, small, role:support, default, *, helpdesk/refund, call, small-refund, allow\n",
        "conditions": "small-refund: args.amount <= 100\n",
    },
    "extraEnv": [{"name": "DESK_TOKEN", "valueFrom": {"secretKeyRef": {"name": "desk", "key": "token"}}}],
}
WAYS = {
    "sidecar-local": (laid(LOCAL, AGENT, DESK), {}),
    "sidecar-redis": (laid(REDIS, AGENT, DESK), {"SALLYPORT_STATE__STORE": URL}),
    "gateway-local": (laid(LOCAL, GATEWAY, DESK), {}),
    "gateway-redis": (laid(REDIS, GATEWAY, DESK), {"SALLYPORT_STATE__STORE": URL}),
    "nothing-said": (laid(LOCAL, AGENT), {}),
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Any:
    values, environ = WAYS[request.param]
    return render(values), {"DESK_TOKEN": "a-token", **environ}


def test_the_gateway_takes_it(way: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered, environ = way
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    path = mounted(rendered, tmp_path, seen_from=tmp_path)

    config = load(path)

    assert check(config, path.parent) == []
    assert config.state.store == environ.get("SALLYPORT_STATE__STORE", "sqlite")


def test_check_has_no_fault_to_tell(tmp_path: Path) -> None:
    values, environ = WAYS["gateway-redis"]
    path = mounted(render(values), tmp_path, seen_from=tmp_path)

    told = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "--config", str(path)],
        cwd=ROOT,
        env={**os.environ, **environ, "DESK_TOKEN": "a-token"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (told.returncode, told.stderr.splitlines()[-1]) == (0, f"{path}: no faults")
    assert "a-token" not in told.stdout


def test_a_fault_of_values_config_is_told_with_its_place(tmp_path: Path) -> None:
    path = mounted(render(laid(LOCAL, AGENT, {"config": {"telemetri": {}}})), tmp_path, seen_from=tmp_path)

    with pytest.raises(Exception, match=r"config.yaml:\d+: unknown key 'telemetri': did you mean 'telemetry'"):
        load(path)


@pytest.mark.parametrize(
    ("values", "ephemeral"),
    [
        (laid(LOCAL, AGENT), True),
        (laid(LOCAL, GATEWAY), True),
        (laid(LOCAL, GATEWAY, {"config": {"state": {"ephemeral": False}}}), False),
        (laid(REDIS, AGENT), False),
        (laid(REDIS, GATEWAY), False),
    ],
    ids=["sidecar-local", "gateway-local", "gateway-local-vouched", "sidecar-redis", "gateway-redis"],
)
def test_the_gateway_knows_whether_its_ledger_outlives_the_pod(values: Values, ephemeral: bool) -> None:
    assert render(values).config()["state"].get("ephemeral", False) is ephemeral


def test_texts_arrive_as_they_were_written() -> None:
    """A first line that is indented is where a template that pastes text into YAML breaks."""
    rows, document = "  p, a: 'b'\n\n#c\tx\n\n", '   {"a": 1}'

    rendered = render(laid(LOCAL, {"policies": {"rows": rows}, "files": {"desk.json": document}}))

    assert rendered.one("ConfigMap", "-policies")["data"]["policy.csv"] == rows
    assert rendered.one("ConfigMap", "-config")["data"]["desk.json"] == document


def test_what_the_operator_says_lies_over_what_the_chart_knows() -> None:
    said = {"telemetry": {"log_format": "text", "sample": 0}, "audit": {"segment_bytes": 67108864}}

    config = render(laid(LOCAL, AGENT, {"config": said})).config()

    assert config["telemetry"] == {"log_format": "text", "sample": 0}
    assert config["audit"] == {"segment_bytes": 67108864}
    assert config["version"] == 1


def test_no_secret_stands_in_a_config_map(way: Any) -> None:
    rendered, _ = way
    texts = [text for one in rendered.manifests if one["kind"] == "ConfigMap" for text in one["data"].values()]

    assert "Secret" not in rendered.kinds(), "secrets are made by whoever owns them"
    assert [text for text in texts if "a-password" in text or "a-token" in text or "redis:" in text] == []


def test_the_address_of_redis_comes_from_the_secret() -> None:
    assert render(WAYS["sidecar-redis"][0]).gateway()["env"][0] == {
        "name": "SALLYPORT_STATE__STORE",
        "valueFrom": {"secretKeyRef": {"name": "sallyport-redis", "key": "url"}},
    }
