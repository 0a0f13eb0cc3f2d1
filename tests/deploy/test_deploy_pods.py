"""What every pod of the chart promises: probes, an unprivileged container, volumes, an end with time to finish."""

from typing import Any

import pytest
from deploy_kit import LOCAL, REDIS, Rendered, Values, laid, render

from gateway.app import DRAIN_S

SIDECAR = laid(REDIS, {"agent": {"image": "registry.example.com/agent:1"}})
GATEWAY = laid(REDIS, {"mode": "gateway"})
PLAIN = laid(SIDECAR, {"plainContainer": True})
BOTH = pytest.mark.parametrize("values", [SIDECAR, GATEWAY, PLAIN], ids=["sidecar", "gateway", "plain"])


def mounts(container: dict[str, Any]) -> dict[str, str]:
    return {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", [])}


def volume(rendered: Rendered, name: str) -> dict[str, Any]:
    return next(one for one in rendered.pod()["volumes"] if one["name"] == name)


def agent(rendered: Rendered) -> dict[str, Any]:
    return next(one for one in rendered.pod()["containers"] if one["name"] == "agent")


@BOTH
def test_probes_ask_the_operator_port_from_outside(values: Values) -> None:
    rendered = render(values)
    container = rendered.gateway()

    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe, path in {"startup": "/startupz", "readiness": "/readyz", "liveness": "/livez"}.items():
        asked = container[f"{probe}Probe"]["httpGet"]
        assert (asked["path"], asked["port"]) == (path, "operator")
    assert rendered.config()["listen"]["operator"] == f"0.0.0.0:{ports['operator']}"


@BOTH
def test_the_container_can_do_nothing_it_does_not_need(values: Values) -> None:
    rendered = render(values)

    assert rendered.gateway()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod = rendered.pod()
    assert pod["automountServiceAccountToken"] is False
    assert pod["shareProcessNamespace"] is False
    assert pod["enableServiceLinks"] is False
    assert set(mounts(rendered.gateway())) >= {"sallyport-state", "sallyport-tmp"}, "what it writes has a volume"


@BOTH
def test_files_that_are_read_again_come_as_whole_folders(values: Values) -> None:
    rendered = render(values)

    assert not [mount for mount in rendered.gateway()["volumeMounts"] if "subPath" in mount]
    policies = rendered.config()["policy"]
    assert {str(path).rpartition("/")[0] for path in policies.values()} == {
        mounts(rendered.gateway())["sallyport-policies"]
    }


@BOTH
def test_calls_in_flight_have_time_to_reach_their_record(values: Values) -> None:
    rendered = render(values)

    waits = int(values.get("preStopSeconds", 5))
    assert rendered.pod()["terminationGracePeriodSeconds"] > DRAIN_S + waits


def test_who_is_still_called_when_it_ends_goes_on_serving_first() -> None:
    stop = {"preStop": {"exec": {"command": ["python", "-c", "import time; time.sleep(5)"]}}}

    assert render(GATEWAY).gateway()["lifecycle"] == stop
    assert render(PLAIN).gateway()["lifecycle"] == stop
    assert "lifecycle" not in render(SIDECAR).gateway(), "a native sidecar ends after its agent"
    assert "lifecycle" not in render(laid(GATEWAY, {"preStopSeconds": 0})).gateway()


def test_a_sidecar_starts_before_its_agent_and_answers_it_alone() -> None:
    rendered = render(SIDECAR)

    assert [one["name"] for one in rendered.pod()["initContainers"]] == ["sallyport"]
    assert rendered.gateway()["restartPolicy"] == "Always"
    assert rendered.config()["listen"]["agent"] == "127.0.0.1:8080"
    assert agent(rendered)["env"][0] == {"name": "MCP_URL", "value": "http://127.0.0.1:8080/mcp"}


def test_below_1_29_it_is_a_container_like_any_other() -> None:
    rendered = render(laid(PLAIN, {"kubeVersion": "1.28"}))

    assert "initContainers" not in rendered.pod()
    assert [one["name"] for one in rendered.pod()["containers"]] == ["agent", "sallyport"]
    assert "restartPolicy" not in rendered.gateway()


def test_the_agent_holds_nothing_of_the_gateway() -> None:
    credential = {"name": "DESK_TOKEN", "valueFrom": {"secretKeyRef": {"name": "desk", "key": "token"}}}
    rendered = render(laid(SIDECAR, {"extraEnv": [credential]}))

    assert mounts(agent(rendered)) == {}
    assert [one["name"] for one in agent(rendered)["env"]] == ["MCP_URL"]
    assert credential in rendered.gateway()["env"]


def test_a_gateway_answers_the_names_of_its_service_and_those_added() -> None:
    listen = render(laid(GATEWAY, {"config": {"listen": {"hosts": ["tools.example.com"]}}})).config()["listen"]

    assert listen["agent"] == "0.0.0.0:8080"
    assert listen["hosts"] == [
        "desk-sallyport",
        "desk-sallyport.agents",
        "desk-sallyport.agents.svc",
        "desk-sallyport.agents.svc.cluster.local",
        "tools.example.com",
    ]


def test_agents_get_the_agent_port_only() -> None:
    rendered = render(GATEWAY)

    assert [port["targetPort"] for port in rendered.one("Service", "sallyport")["spec"]["ports"]] == ["agent"]
    (rule,) = rendered.one("NetworkPolicy", "sallyport")["spec"]["ingress"]
    assert rule["from"] == [{"podSelector": {"matchLabels": {"sallyport-agent": "true"}}}]
    assert [port["port"] for port in rule["ports"]] == ["agent"]


def test_agents_reach_the_gateway_and_dns_and_nothing_else() -> None:
    policy = render(GATEWAY).one("NetworkPolicy", "-agents")["spec"]

    assert policy["podSelector"] == {"matchLabels": {"sallyport-agent": "true"}}
    assert policy["policyTypes"] == ["Egress"]
    gateway, dns = policy["egress"]
    assert gateway["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "desk"
    assert {port["port"] for port in dns["ports"]} == {53}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (SIDECAR, {"emptyDir": {}}),
        (laid(SIDECAR, {"journal": {"volume": "pvc", "existingClaim": "c"}}), {"persistentVolumeClaim": {"claimName": "c"}}),
        (laid(GATEWAY, {"journal": {"volume": "emptyDir"}}), {"emptyDir": {}}),
    ],
    ids=["sidecar", "claim", "empty-dir"],
)  # fmt: skip
def test_what_is_written_outlives_the_container(values: Values, expected: dict[str, Any]) -> None:
    rendered = render(values)

    assert volume(rendered, "sallyport-state") == {"name": "sallyport-state", **expected}
    assert rendered.config()["state"]["dir"].startswith(mounts(rendered.gateway())["sallyport-state"] + "/")


def test_a_gateway_keeps_its_journal_on_a_claim_of_each_pod() -> None:
    (claim,) = render(GATEWAY).one("StatefulSet")["spec"]["volumeClaimTemplates"]

    assert claim["metadata"]["name"] == "sallyport-state"
    assert claim["spec"]["resources"]["requests"]["storage"] == "5Gi"


def test_a_local_ledger_never_has_two_owners() -> None:
    sidecar = laid(LOCAL, {"agent": {"image": "registry.example.com/agent:1"}})
    gateway = laid(LOCAL, {"mode": "gateway", "journal": {"volume": "emptyDir"}})

    assert render(sidecar).one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert render(gateway).one("StatefulSet")["spec"]["replicas"] == 1


def test_pods_roll_when_the_configuration_changes_and_not_when_the_policy_does() -> None:
    def stamp(*more: Values) -> str:
        workload = render(laid(GATEWAY, *more)).one("StatefulSet")
        return workload["spec"]["template"]["metadata"]["annotations"]["checksum/sallyport-config"]

    assert stamp({"config": {"telemetry": {"sample": 0.5}}}) != stamp()
    assert stamp({"files": {"desk.json": "{}"}}) != stamp()
    assert stamp({"policies": {"rows": "g, user:alice, role:support, default\n"}}) == stamp()
