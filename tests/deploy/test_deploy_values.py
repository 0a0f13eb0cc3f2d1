"""Wrong values never reach a cluster: rendering ends with an error that names the value and says what to write."""

import re

import helm_python
import pytest
from deploy_kit import LOCAL, REDIS, Values, laid, render

GATEWAY: Values = {"mode": "gateway"}
AGENT: Values = {"agent": {"image": "registry.example.com/agent:1"}}
URL: Values = {"ledger": {"redis": {"existingSecret": "", "url": "redis://redis:6379/0"}}}


def upstream(**section: object) -> Values:
    return {"config": {"upstreams": {"desk": {"kind": "mcp-http", "url": "http://desk/mcp", **section}}}}


WRONG: dict[str, tuple[Values, str]] = {
    # of the shape, told by the schema
    "unknown key": (laid(LOCAL, {"replica": 2}), "'replica' not allowed"),
    "unknown key inside": (laid(LOCAL, {"ledger": {"lokal": True}}), "/ledger.*'lokal' not allowed"),
    "wrong type": (laid(LOCAL, {"ledger": {"local": "yes"}}), "/ledger/local.*got string, want boolean"),
    "mode typo": (laid(LOCAL, {"mode": "side-car"}), "/mode.*'sidecar', 'gateway'"),
    "volume typo": (laid(LOCAL, {"journal": {"volume": "empty"}}), "/journal/volume"),
    "privileged port": (laid(LOCAL, {"ports": {"agent": 80}}), "/ports/agent.*1,?024"),
    "half a replica": (laid(LOCAL, {"replicas": 1.5}), "/replicas.*want integer"),
    "password in a URL": (laid(REDIS, URL, {"ledger": {"redis": {"url": "redis://:pw@r/0"}}}), "/ledger/redis/url"),
    "tag in the repository": (laid(LOCAL, {"image": {"repository": "sallyport:1"}}), "/image/repository"),
    "config as a text": (laid(LOCAL, {"config": "version: 1"}), "/config.*got string, want object"),
    "file in a folder": (laid(LOCAL, {"files": {"a/b.json": "{}"}}), "/files.*a/b.json"),
    "no agent labels": (laid(REDIS, GATEWAY, {"networkPolicy": {"agentLabels": {"sallyport-agent": None}}}), "/networkPolicy/agentLabels"),
    "variable with a typo": (laid(LOCAL, {"extraEnv": [{"nam": "X"}]}), "/extraEnv/0"),
    # of values that contradict each other, told by the templates
    "no image": (laid(LOCAL, AGENT, {"image": {"repository": ""}}), "image.repository: name the image"),
    "no ledger": ({"image": {"repository": "r/s"}}, "ledger.redis: the ledger must outlive the pod"),
    "two ledgers": (laid(REDIS, {"ledger": {"local": True}}), "ledger.local and ledger.redis are both set"),
    "two homes of the URL": (laid(REDIS, {"ledger": {"redis": {"url": "redis://r"}}}), "ledger.redis.url and ledger.redis.existingSecret"),
    "no shared secret": (laid(REDIS, {"secret": {"existingSecret": ""}}), "secret.existingSecret: gateways on one Redis"),
    "two local ledgers": (laid(LOCAL, GATEWAY, {"replicas": 2}), "replicas: with ledger.local=true"),
    "claim for nobody": (laid(REDIS, {"journal": {"volume": "pvc"}}), "journal.existingClaim: with mode sidecar"),
    "claim unused": (laid(REDIS, {"journal": {"existingClaim": "c"}}), "journal.existingClaim is used only"),
    "claim shared": (laid(REDIS, AGENT, {"replicas": 2, "journal": {"volume": "pvc", "existingClaim": "c"}}), "replicas: one process owns a journal"),
    "agent beside no sidecar": (laid(REDIS, GATEWAY, AGENT), "agent.image is for mode sidecar"),
    "plain gateway": (laid(REDIS, GATEWAY, {"plainContainer": True}), "plainContainer is for mode sidecar"),
    "old cluster": (laid(REDIS, AGENT, {"kubeVersion": "1.28.4"}), "plainContainer: Kubernetes 1.28.4 has no native sidecars"),
    "one port for both": (laid(REDIS, {"ports": {"agent": 9090}}), "ports.agent and ports.operator are the same"),
    "no time to drain": (laid(REDIS, {"preStopSeconds": 30}), "terminationGracePeriodSeconds: must be at least"),
    "address in config": (laid(LOCAL, {"config": {"listen": {"agent": "0.0.0.0:1"}}}), "config.listen.agent: .* set ports.agent"),
    "store in config": (laid(REDIS, {"config": {"state": {"store": "redis://:pw@r"}}}), "config.state.store: .* set ledger.redis"),
    "policy in config": (laid(LOCAL, {"config": {"policy": {"rows": "x"}}}), "config.policy.rows: .* set policies"),
    "a claim that is none": (laid(LOCAL, {"config": {"state": {"ephemeral": False}}}), "config.state.ephemeral"),
    "config as a file": (laid(LOCAL, {"files": {"config.yaml": ""}}), "files: config.yaml"),
    "secret written out": (laid(LOCAL, upstream(headers={"Authorization": "Bearer x"})), "config.upstreams.desk.headers.Authorization: write"),
    "secret of a child": (laid(LOCAL, upstream(env={"DESK_TOKEN": "x"})), "config.upstreams.desk.env.DESK_TOKEN: write"),
    "secret of the exporter": (laid(LOCAL, {"config": {"telemetry": {"otlp_headers": {"api-key": "x"}}}}), "config.telemetry.otlp_headers.api-key: write"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_wrong_values_are_refused_by_name(fault: str) -> None:
    values, told = WRONG[fault]

    with pytest.raises(helm_python.HelmError) as refused:
        render(values)

    assert re.search(told, str(refused.value)), str(refused.value)


@pytest.mark.parametrize(
    "values",
    [
        laid(LOCAL, GATEWAY, {"config": {"state": {"ephemeral": False}}}),
        laid(LOCAL, upstream(headers={"Authorization": "Bearer ${env:TOKEN}", "X-Tenant": "acme"})),
        laid(REDIS, URL),
        laid(LOCAL, {"image": {"repository": "localhost:5000/sallyport", "tag": f"0.1.0@sha256:{'0' * 64}"}}),
        laid(LOCAL, {"global": {"anything": 1}}),
        laid(LOCAL, {"kubeVersion": "1.28", "plainContainer": True}),
    ],
    ids=["claim", "references", "url", "digest", "global", "plain"],
)
def test_right_values_beside_them_are_taken(values: Values) -> None:
    assert render(values).manifests
