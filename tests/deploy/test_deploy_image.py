"""The image: linted always; built and run as the pod runs it where buildah is installed (`make deep`)."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_image import Image, built, first_process, missing, started
from deploy_kit import LOCAL, ROOT, laid, render
from deploy_mounts import folders, mounted
from deploy_waiting import PATIENCE_S, answer, free_ports, until

DOCKERFILE = ROOT / "Dockerfile"


def test_hadolint_has_nothing_to_say() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert linter is not None

    told = subprocess.run([linter, DOCKERFILE], capture_output=True, text=True, timeout=30, check=False)

    assert (told.returncode, told.stdout) == (0, "")


def copied() -> set[str]:
    """What the build takes from the context."""
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    return {word for line in lines for word in line.split()}


def test_everything_that_is_copied_is_let_into_the_context() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied() == let_in
    assert [name for name in let_in if not (ROOT / name).exists()] == []


def test_everything_that_the_wheel_is_made_of_is_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert {*wheel["packages"], *wheel["force-include"]} <= copied()


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    if why := missing():
        pytest.skip(why)
    with tempfile.TemporaryDirectory(prefix="sallyport-image-") as folder, built(Path(folder)) as made:
        yield made


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_the_image_says_how_it_wants_to_be_run(image: Image) -> None:
    config = image.config

    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["sallyport"]
    assert config["Cmd"] == ["run", "--config", "/etc/sallyport/config.yaml"]
    assert config["StopSignal"] == "SIGTERM"
    assert set(config["ExposedPorts"]) == {"8080/tcp", "9090/tcp"}
    assert set(config["Volumes"]) == {"/var/lib/sallyport"}
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert "Healthcheck" not in config


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_the_image_holds_the_gateway_and_no_tool_that_built_it(image: Image) -> None:
    (packages,) = (image.root / "opt/sallyport/lib").glob("python3.*/site-packages")

    assert list((packages / "gateway/__pycache__").glob("app.*.pyc")), (
        "compiled while building, for the root is read-only"
    )
    assert (packages / "gateway/cli/model.conf").is_file()
    assert not [name for name in ("pip", "uv", "pytest", "hatchling", "node_modules") if (packages / name).exists()]
    assert not (image.root / "src").exists()


@pytest.mark.deep
@pytest.mark.timeout(900)
def test_it_serves_as_nobody_on_a_root_that_cannot_be_written_and_ends_when_told(image: Image, tmp_path: Path) -> None:
    agent, operator = free_ports()
    values = laid(LOCAL, {"agent": {"image": "agent"}, "ports": {"agent": agent, "operator": operator}})
    rendered = render(values)
    mounted(rendered, tmp_path, seen_from=Path("/"))
    for name in ("sallyport-state", "sallyport-tmp"):
        folders(rendered, tmp_path)[name].chmod(0o777)
    volumes = {f"/{folder.relative_to(tmp_path)}": folder for folder in folders(rendered, tmp_path).values()}

    with started(image, volumes, tmp_path / "log") as running:
        assert until(lambda: answer(f"http://127.0.0.1:{operator}/livez"), tmp_path / "log") == 200
        assert until(lambda: answer(f"http://127.0.0.1:{operator}/startupz"), tmp_path / "log") == 200
        process = Path("/proc", str(first_process(running)))
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines())
        roots = [line.split() for line in (process / "mountinfo").read_text().splitlines() if line.split()[4] == "/"]
        os.kill(int(process.name), signal.SIGTERM)
        ended = running.wait(PATIENCE_S)

    assert ended == 0
    assert status["Uid"].split() == ["65532"] * 4
    assert int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert [root[5].split(",")[0] for root in roots] == ["ro"]
    assert (tmp_path / "var/lib/sallyport/state/journal").is_dir()
    assert "Traceback" not in (tmp_path / "log").read_text()
