"""A changed ConfigMap of policies takes effect without a restart, time after time: the kubelet swaps a link, no file."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from deploy_kit import LOCAL, ROOT, Rendered, laid, render
from deploy_mounts import mounted, write_volume
from deploy_waiting import HTTP, PATIENCE_S, free_ports, until


def rows(user: str) -> str:
    return f"p, all, user:{user}, default, *, */*, call, -, allow\n"


class Pod:
    """A gateway process on the volumes of a rendered pod."""

    def __init__(self, root: Path) -> None:
        agent, operator = free_ports()
        self.operator = f"http://127.0.0.1:{operator}"
        values = {"ports": {"agent": agent, "operator": operator}, "agent": {"image": "agent"}}
        self.rendered: Rendered = render(laid(LOCAL, values, {"policies": {"rows": rows("alice")}}))
        self.root = root
        self.log = root / "log"
        config = mounted(self.rendered, root, seen_from=root)
        command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def policy(self) -> str:
        token = (self.root / "var/lib/sallyport/state/operator.token").read_text().strip()
        asked = HTTP.get(f"{self.operator}/policy", headers={"Authorization": f"Bearer {token}"})
        return str(asked.raise_for_status().json()["version"])

    def swap(self, text: str) -> None:
        data = self.rendered.one("ConfigMap", "-policies")["data"]
        write_volume(self.root / "etc/sallyport-policies", {**data, "policy.csv": text})


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[Pod]:
    made = Pod(tmp_path)
    yield made
    made.process.terminate()
    made.process.wait(PATIENCE_S)


def test_every_swap_takes_effect(pod: Pod) -> None:
    seen = {until(pod.policy, pod.log)}

    for user in ("bob", "carol"):
        pod.swap(rows(user))
        seen.add(until(lambda: (version := pod.policy()) not in seen and version, pod.log))

    assert len(seen) == 3
