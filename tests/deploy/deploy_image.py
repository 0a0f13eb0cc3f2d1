"""The image, built without a daemon and run as the chart's pod runs it: buildah, and the kernel's own namespaces."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy_kit import ROOT

HERE = Path(__file__).parent
_SETTINGS = {"pip.conf": "PIP_CONFIG_FILE", "uv.toml": "UV_CONFIG_FILE"}


def missing() -> str:
    """Why no image can be built here, or nothing."""
    tools = ["buildah", "unshare", "setpriv", *([] if os.environ.get("SALLYPORT_TEST_BASE") else ["mmdebstrap"])]
    if lacking := [tool for tool in tools if shutil.which(tool) is None]:
        return f"not installed: {', '.join(lacking)} (apt-get install buildah mmdebstrap)"
    return "" if os.geteuid() == 0 else "needs root"


@dataclass(frozen=True)
class Image:
    """A built image and its files."""

    config: dict[str, Any]
    root: Path

    @property
    def command(self) -> list[str]:
        """What the container runs, with its whole environment."""
        return ["env", "-i", *self.config["Env"], *self.config["Entrypoint"], *self.config["Cmd"]]


@contextmanager
def built(folder: Path) -> Iterator[Image]:
    """Builds the Dockerfile on $SALLYPORT_TEST_BASE, or on a base made for it; takes about a minute."""
    store = [f"--root={folder / 'store'}", f"--runroot={folder / 'run'}"]

    def buildah(*words: str) -> str:
        run = subprocess.run(["buildah", *store, *words], cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr[-4000:]
        return run.stdout.strip()

    if not (base := os.environ.get("SALLYPORT_TEST_BASE")):
        base = "localhost/python-base"
        subprocess.run(["sh", HERE / "base.sh", base, *store], check=True, capture_output=True)
    secrets = [f"--secret=id={id_},src={os.environ[name]}" for id_, name in _SETTINGS.items() if os.environ.get(name)]
    try:
        buildah("bud", "--isolation=chroot", f"--build-arg=BASE={base}", *secrets, "--tag=localhost/sallyport", ".")
        container = buildah("from", "localhost/sallyport")
        config = json.loads(buildah("inspect", "--type=image", "localhost/sallyport"))["OCIv1"]["config"]
        yield Image(config, Path(buildah("mount", container)))
    finally:
        buildah("rm", "--all")
        shutil.rmtree(folder / "store", ignore_errors=True)


@contextmanager
def started(image: Image, volumes: Mapping[str, Path], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the image's command with `volumes` (path in the container → folder) mounted; ends when the command does."""
    binds = [f"{folder}:{path}" for path, folder in volumes.items()]
    inside = ["sh", str(HERE / "pod.sh"), str(image.root), image.config["User"], *binds, "--", *image.command]
    with log.open("wb") as output:
        outer = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", *inside],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield outer
    finally:
        outer.kill()
        outer.wait(10)


def first_process(outer: subprocess.Popen[bytes]) -> int:
    """The first process of the namespace; every program of the chain replaces the one before it."""
    while outer.poll() is None:
        if children := Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split():
            return int(children[0])
    raise AssertionError(f"unshare ended with {outer.returncode}")
