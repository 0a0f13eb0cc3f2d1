"""Each architecture contract is seen to break: a copy of the house with one violation planted for every contract."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PLANTED = {
    "gateway/ledger/planted.py": "import gateway.policy\nimport aiohttp\nimport casbin\nimport redis\nimport sqlite3\nimport httpx2\nimport fastapi\nimport mcp\n",
    "gateway/model/planted.py": "import gateway.wire\n",
    "gateway/wire/planted.py": "import gateway.ports\n",
    "gateway/policy/planted.py": "import gateway.app\n",
    "gateway/planted.py": "",
}


def test_every_import_contract_is_broken_by_the_violation_planted_for_it(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in PLANTED.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    pipeline = tmp_path / "gateway/pipeline.py"
    pipeline.write_text(pipeline.read_text(encoding="utf-8") + "\nimport gateway.ledger\n", encoding="utf-8")

    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    broken = set(re.findall(r"^(.+?) BROKEN", ran.stdout, re.MULTILINE))
    assert broken == {contract["name"] for contract in contracts}, ran.stdout + ran.stderr
