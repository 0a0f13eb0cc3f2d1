"""A chart of somebody's own takes the sidecar into its pod with three includes."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from deploy_kit import CHART, KUBERNETES, REDIS, ROOT, Rendered, invalid, laid, render

PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")


def fenced(first: str) -> str:
    """The block of docs/deploy.md that begins with this comment."""
    return PAGE.partition(f"```yaml\n{first}\n")[2].partition("```")[0]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart of docs/deploy.md, with the dependency where `helm dependency update` puts it."""
    chart = tmp_path_factory.mktemp("support-bot")
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text(fenced("# Chart.yaml"), encoding="utf-8")
    (chart / "templates/deployment.yaml").write_text(fenced("# templates/deployment.yaml"), encoding="utf-8")
    shutil.copytree(CHART, chart / "charts/sallyport")
    return chart


def rendered(own: Path, **more: Any) -> Rendered:
    return render({"sallyport": laid(REDIS, more)}, chart=own)


def test_its_pod_is_valid_and_has_the_gateway_in_it(own: Path) -> None:
    made = rendered(own)

    assert {version: found for version in KUBERNETES if (found := invalid(made.manifests, version))} == {}
    assert made.kinds() == ["ConfigMap", "ConfigMap", "Deployment"]
    assert made.gateway()["restartPolicy"] == "Always"


def test_it_mounts_what_the_subchart_made(own: Path) -> None:
    made = rendered(own)

    named = {
        source["configMap"]["name"]
        for volume in made.pod()["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "configMap" in source
    }
    assert named == {one["metadata"]["name"] for one in made.manifests if one["kind"] == "ConfigMap"}


def test_its_pods_roll_when_the_gateway_is_configured_anew(own: Path) -> None:
    def stamp(made: Rendered) -> Any:
        return made.one("Deployment")["spec"]["template"]["metadata"]["annotations"]

    assert stamp(rendered(own)) != stamp(rendered(own, config={"loops": "off"}))


def test_wrong_values_of_the_subchart_are_refused_too(own: Path) -> None:
    with pytest.raises(Exception, match="'replica' not allowed"):
        rendered(own, replica=1)
