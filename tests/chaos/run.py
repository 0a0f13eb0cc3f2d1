"""`python -m tests.chaos.run`: one storm for each store and seed, judged; exit code 1 when the promise was broken."""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.chaos.faults import FAULTS, SESSION_LOST
from tests.chaos.field import ROOT, Field, Store
from tests.chaos.havoc import Havoc
from tests.chaos.history import PROMISES, History, Verdict, judged
from tests.chaos.plan import planned
from tests.chaos.storm import Storm
from tests.chaos.weather import FULL, Weather

ALL = ",".join(fault.name for fault in (*FAULTS, SESSION_LOST))
VISIBLE = ",".join(fault.name for fault in (*FAULTS, SESSION_LOST) if not fault.hides)
"""With SIGTERM only nothing may be in doubt, so nothing else may hide an answer."""
IN_DOUBT, IN_DOUBT_PROBED = 5.0, 1.0


def storm(
    folder: Path,
    store: Store,
    seed: int,
    operations: int,
    weather: Weather = FULL,
    *,
    gently: bool = False,
    deduplicates: bool = True,
) -> Verdict:
    """One storm from start to verdict; leaves its history in the folder."""
    plan = planned(seed, operations, keyless=not deduplicates)
    field = Field(folder, store, seed, weather, faulty=VISIBLE if gently else ALL, deduplicates=deduplicates)
    try:
        field.start()
        havoc = Havoc(field, seed, weather, gently=gently)
        log = asyncio.run(Storm(field, plan, seed, weather, havoc).rage())
        for gateway in field.gateways:
            gateway.stop()
    finally:
        field.close()
    books = field.books()
    books.read()
    truth = [json.loads(line) for line in field.truth.read_text(encoding="utf-8").splitlines()]
    (folder / "told.jsonl").write_text("".join(told.line() + "\n" for told in log.told), encoding="utf-8")
    (folder / "blows.jsonl").write_text(
        "".join(json.dumps(asdict(blow)) + "\n" for blow in log.blows), encoding="utf-8"
    )
    verdict = judged(History(plan, log.told, truth, books.entries, log.blows, log.closed_after_s))
    for number, gateway in enumerate(field.gateways):
        verify = [sys.executable, "-m", "gateway", "audit", "verify", "--dir", str(gateway.journal)]
        checked = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, check=False)
        if checked.returncode:
            verdict.violations["lost-record"].append(f"journal {number}: {checked.stdout}{checked.stderr}")
    seconds = log.over - log.began
    verdict.figures |= {"seconds": round(seconds), "operations/s": round(operations / seconds)}
    stops = [blow.ends - blow.begins for blow in log.blows if blow.what == "term"]
    verdict.figures["slowest stop s"] = round(max(stops, default=0.0), 1)
    return verdict


def passed(verdict: Verdict, *, gently: bool, deduplicates: bool) -> bool:
    """Whether the storm ended as it must; without deduplication it must show duplicates."""
    if not deduplicates:
        return bool(verdict.violations["duplicate"])
    doubts = (verdict.figures["in doubt %"], verdict.figures["in doubt probed %"])
    return verdict.ok and doubts <= ((0.0, 0.0) if gently else (IN_DOUBT, 100.0)) and (doubts[1] <= IN_DOUBT_PROBED)


def main() -> int:
    options = argparse.ArgumentParser(prog="tests.chaos.run")
    options.add_argument("--store", choices=["sqlite", "redis", "both"], default="both")
    options.add_argument("--seed", type=int, action="append", help="may be given several times; default: 1")
    options.add_argument("--operations", type=int, default=10_000)
    options.add_argument("--sigterm-only", action="store_true", help="nobody dies, everybody is asked to stop")
    options.add_argument(
        "--no-ledger", action="store_true", help="deduplication off by configuration: must show duplicates"
    )
    options.add_argument("--keep", type=Path, help="folder for histories and journals; default: a temporary one")
    chosen = options.parse_args()
    gently, deduplicates, good = chosen.sigterm_only, not chosen.no_ledger, True
    stores: tuple[Store, ...] = ("sqlite", "redis") if chosen.store == "both" else (chosen.store,)
    for store in stores:
        for seed in chosen.seed or [1]:
            with tempfile.TemporaryDirectory(prefix="chaos-") as temporary:
                folder = (chosen.keep or Path(temporary)) / f"{store}-{seed}-{time.strftime('%H%M%S')}"
                folder.mkdir(parents=True)
                verdict = storm(folder, store, seed, chosen.operations, gently=gently, deduplicates=deduplicates)
            well = passed(verdict, gently=gently, deduplicates=deduplicates)
            good &= well
            print(f"\n{store}, seed {seed}: {'passed' if well else 'FAILED'}", told(verdict), sep="\n", flush=True)
    return 0 if good else 1


def told(verdict: Verdict) -> str:
    """The verdict for people."""
    lines = [f"  {name:20} {number}" for name, number in verdict.figures.items()]
    for name, found in verdict.violations.items():
        lines.append(f"  {name:20} {len(found)} {PROMISES[name]}")
        lines += [f"      {one}" for one in found[:20]]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
