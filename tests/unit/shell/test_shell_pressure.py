"""Load: when it counts, who is turned away first, and that one pause of the process turns nobody away."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.shedding import Shedding
from gateway.model.refusal import Reason, Refused
from gateway.model.tool import Effect
from gateway.pressure import EVERY_S, Pressure, level, memory_share

RULE = Shedding(lag=timedelta(milliseconds=100), memory=0.8)


class Night:
    """Sleeps as late as a test says, and then ends the watch."""

    def __init__(self, *late_s: float, memory: float = 0.0, rule: Shedding | None = RULE) -> None:
        self._late = list(late_s)
        self._now = 0.0
        self.pressure = Pressure(rule, frozenset({"crawler"}), self, lambda: memory, self._sleep, lambda: 0.5)

    def now(self) -> float:
        return self._now

    monotonic = now

    async def _sleep(self, seconds: float) -> None:
        if not self._late:
            raise asyncio.CancelledError
        self._now += seconds + self._late.pop(0)

    async def passed(self) -> Pressure:
        with pytest.raises(asyncio.CancelledError):
            await self.pressure.watch()
        return self.pressure


def _shed(pressure: Pressure) -> set[tuple[str, Effect | None]]:
    shed = set()
    for agent in ("crawler", "support"):
        for effect in (None, *Effect):
            try:
                pressure.relieve(agent, effect)
            except Refused as refused:
                assert refused.refusal.reason is Reason.OVERLOADED
                shed.add((agent, effect))
    return shed


BATCH = {("crawler", None), ("crawler", Effect.READ)}
READS = BATCH | {("support", None), ("support", Effect.READ)}
ALL = {(agent, effect) for agent in ("crawler", "support") for effect in (None, *Effect)}


@pytest.mark.parametrize(
    ("lag_s", "memory", "shed"),
    [
        (0.09, 0.8, set()),
        (0.11, 0.0, BATCH),
        (0.21, 0.0, READS),
        (0.39, 0.0, READS),
        (0.41, 0.0, ALL),
        (0.0, 0.81, BATCH),
        (0.0, 0.91, READS),
        (0.0, 0.96, ALL),
        (0.11, 0.91, READS),
    ],
)
async def test_the_least_important_is_shed_first(lag_s, memory, shed) -> None:
    pressure = await Night(*[lag_s] * 5, memory=memory).passed()
    assert _shed(pressure) == shed


@pytest.mark.parametrize("late", [[9.0], [0, 9.0, 0, 0, 9.0], [9.0, 9.0]])
async def test_one_pause_or_two_shed_nothing(late) -> None:
    assert (await Night(*late).passed()).level == 0


async def test_what_lasts_is_load_and_what_is_over_is_soon_forgotten() -> None:
    assert (await Night(0.5, 0.5, 0.5).passed()).level == 3
    assert (await Night(0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0).passed()).level == 0


async def test_who_is_turned_away_learns_when_to_come_back_and_not_all_at_once() -> None:
    pressure = await Night(*[0.25] * 5).passed()
    with pytest.raises(Refused, match="under load and takes no lists and reads now") as refused:
        pressure.relieve("support", Effect.READ)
    assert refused.value.refusal.retry_after_ms == 3000
    assert pressure.standing == "ok, but under load: lists and reads are turned away"


async def test_where_shedding_is_off_load_is_measured_and_nothing_is_shed() -> None:
    pressure = await Night(*[9.0] * 5, memory=1.0, rule=None).passed()
    assert (_shed(pressure), pressure.lag_s, pressure.memory) == (set(), pytest.approx(9.0), 1.0)
    assert pressure.standing == "ok"


@given(st.floats(0, 10), st.floats(0, 1.5), st.floats(0, 10), st.floats(0, 1.5))
def test_more_load_never_sheds_less(lag_s, memory, more_s, more) -> None:
    assert level(lag_s, memory, RULE) <= level(lag_s + more_s, memory + more, RULE)


async def test_a_loop_that_is_held_up_is_felt() -> None:
    class Wall:
        def now(self) -> float:
            return asyncio.get_running_loop().time()

        monotonic = now

    pressure = Pressure(RULE, frozenset(), Wall(), lambda: 0.0)
    watch = asyncio.ensure_future(pressure.watch())
    async with asyncio.timeout(10):
        while pressure.lag_s < 0.1:
            await asyncio.sleep(0)
            end = asyncio.get_running_loop().time() + EVERY_S + 0.15
            while asyncio.get_running_loop().time() < end:
                pass  # what a call that computes does to all others
    assert pressure.level >= 1
    watch.cancel()


def _groups(folder: Path, own: str, **groups: tuple[str, int, int]) -> tuple[Path, Path]:
    """A process in the group `own`; groups by name with their limit, use, and what the kernel may drop."""
    process, root = folder / "proc", folder / "cgroup"
    process.mkdir()
    (process / "cgroup").write_text(f"4:memory:/old\n0::/{own}\n")
    for name, (limit, used, idle) in groups.items():
        group = root / name.replace("_", "/")
        group.mkdir(parents=True, exist_ok=True)
        (group / "memory.max").write_text(f"{limit}\n")
        (group / "memory.current").write_text(f"{used}\n")
        (group / "memory.stat").write_text(f"anon 1\ninactive_file {idle}\n")
    return root, process


def test_the_tightest_group_counts_without_what_the_kernel_may_drop(tmp_path: Path) -> None:
    paths = _groups(tmp_path, "pod/app", pod=("1000", 800, 100), pod_app=("max", 500, 0))
    assert memory_share(*paths) == pytest.approx(0.7)


def test_without_a_limit_no_memory_is_too_much(tmp_path: Path) -> None:
    assert memory_share(tmp_path, tmp_path) == 0.0
    assert memory_share(*_groups(tmp_path, "app", app=("max", 500, 0))) == 0.0


def test_on_this_machine_it_is_a_share() -> None:
    assert 0.0 <= memory_share() < 1.5
