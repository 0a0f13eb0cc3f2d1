"""The chart as Helm renders it, without a cluster: the one door to helm-python-sdk and kubernetes-validate."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import yaml
from kubernetes_validate import utils

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm"
KUBERNETES = ("1.29", "1.31", "1.33", "1.36", "1.37")
FOREIGN = {"ServiceMonitor"}
"""Kinds that are not Kubernetes' own, so that no schema of it is known."""

Values = Mapping[str, Any]
LOCAL: Values = {"image": {"repository": "registry.example.com/sallyport"}, "ledger": {"local": True}}
REDIS: Values = {
    "image": {"repository": "registry.example.com/sallyport"},
    "ledger": {"redis": {"existingSecret": "sallyport-redis"}},
    "secret": {"existingSecret": "sallyport-secret"},
}

# The definitions of one version are a megabyte of JSON: read once, not once for every manifest.
utils.schema_contents = functools.cache(utils.schema_contents)


def laid(*layers: Values) -> dict[str, Any]:
    """Values with later ones over earlier ones, as Helm lays files and `--set`."""
    made: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = made.get(key)
            made[key] = laid(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return made


@dataclass(frozen=True)
class Rendered:
    """What an installation would send to the cluster, and tell the person."""

    manifests: tuple[dict[str, Any], ...]
    notes: str

    def one(self, kind: str, name: str = "") -> dict[str, Any]:
        """The only manifest of its kind, or the only one whose name ends so."""
        found = [m for m in self.manifests if m["kind"] == kind and m["metadata"]["name"].endswith(name)]
        assert len(found) == 1, [f"{m['kind']}/{m['metadata']['name']}" for m in self.manifests]
        return found[0]

    def kinds(self) -> list[str]:
        return sorted(m["kind"] for m in self.manifests)

    def pod(self) -> dict[str, Any]:
        """The pod of the workload."""
        workload = next(m for m in self.manifests if m["kind"] in {"Deployment", "StatefulSet"})
        return workload["spec"]["template"]["spec"]

    def gateway(self) -> dict[str, Any]:
        """The gateway's container, wherever in the pod it stands."""
        pod = self.pod()
        both = [*pod.get("initContainers", []), *pod["containers"]]
        return next(container for container in both if container["name"] == "sallyport")

    def config(self) -> dict[str, Any]:
        return yaml.safe_load(self.one("ConfigMap", "-config")["data"]["config.yaml"])


@functools.cache
def _chart(path: Path) -> helm_python.Chart:
    return helm_python.Chart.load(path)


def render(values: Values, *, chart: Path = CHART, name: str = "desk") -> Rendered:
    """As `helm install NAME CHART -n agents -f values` would. Raises helm_python.HelmError, as Helm words it."""
    texts = _chart(chart).render(dict(values), name=name, namespace="agents")
    notes = {path: texts.pop(path) for path in list(texts) if path.endswith("NOTES.txt")}
    return Rendered(tuple(_manifests(texts.values())), notes.get("sallyport/templates/NOTES.txt", ""))


def _manifests(texts: Any) -> Iterator[dict[str, Any]]:
    for text in texts:
        yield from (one for one in yaml.safe_load_all(text) if one)


def invalid(manifests: tuple[dict[str, Any], ...], version: str) -> list[str]:
    """What Kubernetes of this version would not take or would silently drop, as lines."""
    found = []
    for manifest in manifests:
        if manifest["kind"] in FOREIGN:
            continue
        try:
            kubernetes_validate.validate(manifest, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(f"{manifest['kind']} {'.'.join(map(str, error.path))}: {error.message}")
    return found
