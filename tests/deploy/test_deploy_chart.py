"""Every way the chart can be installed is lint-free and valid, strictly, in every Kubernetes version it promises."""

from typing import Any

import helm_python
import pytest
from deploy_kit import CHART, KUBERNETES, LOCAL, REDIS, ROOT, Values, invalid, laid, render

AGENT: Values = {"agent": {"image": "registry.example.com/agent:1"}}
GATEWAY: Values = {"mode": "gateway"}
ALL_OF_IT: Values = {
    "imagePullSecrets": [{"name": "registry"}],
    "files": {"desk.json": "{}"},
    "policies": {"rows": "p, all, user:alice, default, *, */*, call, -, allow\n", "conditions": "x: 1 < 2\n"},
    "extraEnv": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "desk", "key": "token"}}}],
    "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
    "extraVolumeMounts": [{"name": "ca", "mountPath": "/etc/ca"}],
    "podAnnotations": {"a": "1"},
    "podLabels": {"team": "support"},
    "serviceAccountName": "desk",
    "scheduling": {"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "k", "operator": "Exists"}]},
}
WAYS: dict[str, Values] = {
    "sidecar-only-templates": LOCAL,
    "sidecar-local": laid(LOCAL, AGENT),
    "sidecar-redis": laid(REDIS, AGENT, {"replicas": 3}),
    "sidecar-redis-url": laid(REDIS, AGENT, {"ledger": {"redis": {"existingSecret": "", "url": "redis://r:6379/0"}}}),
    "sidecar-plain": laid(REDIS, AGENT, {"plainContainer": True, "kubeVersion": "1.28"}),
    "sidecar-ephemeral": laid(REDIS, AGENT, {"journal": {"volume": "ephemeral", "storageClass": "fast"}}),
    "sidecar-claim": laid(REDIS, AGENT, {"journal": {"volume": "pvc", "existingClaim": "journal"}}),
    "sidecar-all": laid(REDIS, AGENT, ALL_OF_IT, {"agent": {"command": ["a"], "args": ["b"], "env": [{"name": "E"}]}}),
    "gateway-local": laid(LOCAL, GATEWAY),
    "gateway-redis": laid(REDIS, GATEWAY, {"replicas": 3}),
    "gateway-empty-dir": laid(REDIS, GATEWAY, {"journal": {"volume": "emptyDir"}}),
    "gateway-ephemeral": laid(REDIS, GATEWAY, {"journal": {"volume": "ephemeral"}}),
    "gateway-open": laid(REDIS, GATEWAY, {"networkPolicy": {"enabled": False}}),
    "gateway-own-policies": laid(REDIS, GATEWAY, {"policies": {"existingConfigMap": "desk-policies"}}),
    "gateway-all": laid(
        REDIS,
        GATEWAY,
        ALL_OF_IT,
        {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "networkPolicy": {
                "operators": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
                "agentEgress": [{"to": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 443}]}],
            },
        },
    ),
}
KINDS = {
    "sidecar-only-templates": ["ConfigMap", "ConfigMap"],
    "sidecar-redis": ["ConfigMap", "ConfigMap", "Deployment"],
    "gateway-redis": ["ConfigMap", "ConfigMap", "NetworkPolicy", "NetworkPolicy", "PodDisruptionBudget", "Service",
                      "Service", "StatefulSet"],
    "gateway-local": ["ConfigMap", "ConfigMap", "NetworkPolicy", "NetworkPolicy", "PodDisruptionBudget", "Service",
                      "Service", "StatefulSet"],
    "gateway-empty-dir": ["ConfigMap", "ConfigMap", "Deployment", "NetworkPolicy", "NetworkPolicy",
                          "PodDisruptionBudget", "Service", "Service"],
    "gateway-open": ["ConfigMap", "ConfigMap", "PodDisruptionBudget", "Service", "Service", "StatefulSet"],
    "gateway-own-policies": ["ConfigMap", "NetworkPolicy", "NetworkPolicy", "PodDisruptionBudget", "Service",
                             "Service", "StatefulSet"],
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_is_rendered_is_valid_in_every_kubernetes(way: str) -> None:
    manifests = render(WAYS[way]).manifests

    assert {version: found for version in KUBERNETES if (found := invalid(manifests, version))} == {}


@pytest.mark.parametrize("way", ["sidecar-redis", "sidecar-all", "gateway-local", "gateway-all"])
def test_lint_has_nothing_to_say(way: str) -> None:
    report: dict[str, Any] = helm_python.lint(CHART, dict(WAYS[way]), strict=True, namespace="agents")

    assert report["errors"] == []
    assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("way", KINDS)
def test_what_is_rendered_is_what_the_way_needs(way: str) -> None:
    assert render(WAYS[way]).kinds() == KINDS[way]


def test_a_field_kubernetes_does_not_know_would_be_found() -> None:
    rendered = render(WAYS["sidecar-redis"])
    rendered.gateway()["readynessProbe"] = {}

    assert "readynessProbe" in invalid(rendered.manifests, "1.33")[0]


def test_names_of_long_releases_leave_room() -> None:
    name = "a" * 53

    names = [one["metadata"]["name"] for one in render(WAYS["gateway-all"], name=name).manifests]

    assert max(map(len, names)) <= 63
    assert len(set(names)) >= 4


def test_the_chart_is_of_the_version_that_it_installs() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

    assert f'version = "{helm_python.Chart.load(CHART).metadata["appVersion"]}"' in pyproject


def test_the_model_in_the_chart_is_the_one_of_the_project() -> None:
    told = render(LOCAL).one("ConfigMap", "-policies")["data"]["model.conf"]

    assert told == (ROOT / "policies/model.conf").read_text(encoding="utf-8")


def test_an_agent_stays_with_the_pod_that_holds_its_questions_and_streams() -> None:
    services = [one for one in render(WAYS["gateway-redis"]).manifests if one["kind"] == "Service"]
    affinities = {one["spec"]["ports"][0]["name"]: one["spec"].get("sessionAffinity") for one in services}
    assert affinities == {"agent": "ClientIP", "operator": None}
