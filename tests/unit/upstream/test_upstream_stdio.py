"""A child process as an upstream: multiplexing, misbehaviour, death, restarts, and nothing left behind."""

import asyncio
import logging
import os
from pathlib import Path

import pytest
from stdio_kit import PEER, stdio
from upstream_kit import RealClock, outbound, soon, tool, until

from gateway.model.outcome import Answered, AnsweredError, Lost, Unsent
from gateway.ports import UpstreamFault
from gateway.upstream.deadline import Deadline
from gateway.upstream.stdio import McpStdioUpstream


class StillClock(RealClock):
    """Stands still for restarts: `ahead` is added to real time."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


def _call(name: str, **arguments):
    return outbound(arguments, tool=tool(name))


@pytest.mark.parametrize(
    ("mode", "era"), [("modern", "auto"), ("legacy", "auto"), ("legacy", "legacy"), ("touchy", "auto")]
)
async def test_a_server_of_either_era_is_opened_listed_and_called(mode, era) -> None:
    async with stdio(mode, era=era) as up:
        [listed] = await up.list_tools(soon())
        assert ("io.modelcontextprotocol/protocolVersion" in listed["_meta"]) == (mode == "modern")
        outcome = await up.send(_call("echo", n=10**30), soon())
        assert isinstance(outcome, Answered)
        assert outcome.result["echo"] == {"n": 10**30}


async def test_a_server_that_leaves_the_probe_unanswered_is_taken_for_a_legacy_one(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.stdio.PROBE_S", 0.2)
    async with stdio("deaf") as up:
        assert isinstance(await up.send(_call("echo"), soon()), Answered)


async def test_concurrent_calls_get_their_own_answers_in_any_order() -> None:
    async with stdio("modern") as up:
        outcomes = await asyncio.gather(*(up.send(_call("hold"), soon()) for _ in range(3)))
        assert [isinstance(outcome, Answered) for outcome in outcomes] == [True] * 3
        assert len({outcome.result["for"] for outcome in outcomes}) == 3


async def test_a_crash_in_a_call_loses_the_calls_in_flight_and_the_next_one_gets_a_new_process() -> None:
    async with stdio("modern") as up:
        first = await up.send(_call("echo"), soon())
        silent = asyncio.ensure_future(up.send(_call("silent"), soon()))
        await asyncio.sleep(0)
        crashed = await up.send(_call("crash"), soon())
        assert crashed == await silent == Lost("its process ended before it answered")
        await _gone(up)
        second = await up.send(_call("echo"), soon())
        assert isinstance(second, Answered)
        assert second.result["pid"] != first.result["pid"]


async def test_a_process_that_keeps_crashing_is_started_again_after_growing_pauses() -> None:
    clock = StillClock()
    async with stdio("modern", clock=clock) as up:
        for _ in range(2):
            assert isinstance(await up.send(_call("crash"), clock.monotonic() + 5), Lost)
            await _gone(up)
        outcome = await up.send(_call("echo"), clock.monotonic() + 5)
        assert isinstance(outcome, Unsent)
        assert 0 < outcome.retry_after_ms <= 1000
        clock.ahead = 1.0
        assert isinstance(await up.send(_call("echo"), clock.monotonic() + 5), Answered)
        await up.send(_call("crash"), clock.monotonic() + 5)
        await _gone(up)
        assert isinstance(await up.send(_call("echo"), clock.monotonic() + 5), Answered)


async def test_a_command_that_cannot_be_started_is_unsent() -> None:
    async with stdio("modern", command="/nowhere/at/all") as up:
        assert await up.send(_call("echo"), soon()) == Unsent("its command cannot be started", cause="unreached")
        with pytest.raises(UpstreamFault, match="cannot be started"):
            await up.list_tools(soon())


async def test_garbage_on_stdout_is_passed_over() -> None:
    async with stdio("legacy") as up:
        assert await up.send(_call("garbage"), soon()) == Answered({})


async def test_an_endless_line_ends_the_process_and_loses_the_call() -> None:
    async with stdio("legacy", max_result=50_000) as up:
        assert await up.send(_call("endless"), soon()) == Lost("an answer of more than 50000 bytes")


async def test_silence_is_a_timeout_the_server_is_told_of(caplog) -> None:
    caplog.set_level(logging.INFO, "sallyport.upstream")
    async with stdio("legacy") as up:
        await up.send(_call("echo"), soon())
        assert await up.send(_call("silent"), soon(0.05)) == Lost("no answer in time", timed_out=True)
        assert isinstance(await up.send(_call("echo"), soon()), Answered)
        await until(lambda: "cancelled 4" in caplog.text)


async def test_a_flood_on_stderr_blocks_nothing_and_is_logged_short(caplog) -> None:
    caplog.set_level(logging.INFO, "sallyport.upstream")
    async with stdio("legacy") as up:
        assert await up.send(_call("chatty"), soon()) == Answered({})
        await until(lambda: "end" in caplog.text)
    assert max(len(record.getMessage()) for record in caplog.records) < 1100


async def test_the_environment_holds_nothing_but_what_was_given(monkeypatch) -> None:
    monkeypatch.setenv("SECRET", "s")
    async with stdio("legacy", env={"TOKEN": "t"}) as up:
        outcome = await up.send(_call("environment"), soon())
        assert isinstance(outcome, Answered)
        assert set(outcome.result) - {"LC_CTYPE"} <= {"PATH", "HOME", "LANG", "TOKEN"}
        assert outcome.result["TOKEN"] == "t"


async def test_a_server_that_asks_back_is_told_that_it_cannot() -> None:
    async with stdio("legacy") as up:
        outcome = await up.send(_call("asks"), soon())
        assert isinstance(outcome, Answered)
        assert outcome.result["told"]["error"]["code"] == -32601


async def test_an_error_answer_is_an_answer() -> None:
    async with stdio("legacy") as up:
        assert await up.send(_call("failing"), soon()) == AnsweredError(-32000, "theirs", {"x": 1})


async def test_closing_ends_the_whole_process_group() -> None:
    async with stdio("legacy") as up:
        outcome = await up.send(_call("grandchild"), soon())
        assert isinstance(outcome, Answered)
    await until(lambda: not _runs(outcome.result["pid"]))


async def test_a_child_that_ignores_sigterm_is_killed(monkeypatch) -> None:
    monkeypatch.setattr("gateway.upstream.child.KILL_AFTER_S", 0.1)
    stubborn = (
        "import os, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); line = sys.stdin.readline(); "
        'print(\'{"jsonrpc":"2.0","id":1,"result":{"pid":%d}}\' % os.getpid(), flush=True); time.sleep(60)'
    )
    async with stdio("", args=("-S", "-E", "-c", stubborn), era="modern") as up:
        outcome = await up.send(_call("x"), soon())
        assert isinstance(outcome, Answered)
    assert not _runs(outcome.result["pid"])


async def test_a_slow_start_outlives_the_caller_who_asked_for_it() -> None:
    slow = f"import time; time.sleep(0.3); import sys; sys.argv = ['', 'modern']; exec(open({PEER!r}).read())"
    async with stdio("", args=("-S", "-E", "-c", slow)) as up:
        assert await up.send(_call("echo"), soon(0.05)) == Unsent("it is still starting", 1000)
        assert isinstance(await up.send(_call("echo"), soon()), Answered)


async def test_crash_points_stand_around_the_write_and_after_the_answer() -> None:
    points: list[str] = []
    async with stdio("modern", reached=points.append) as up:
        await up.list_tools(soon())
        assert points == []
        await up.send(_call("echo"), soon())
    assert points == ["upstream.before-send", "upstream.after-send", "upstream.answered"]


async def test_the_key_travels_in_meta() -> None:
    async with stdio("legacy") as up:
        child = (await up._running(Deadline(soon(), RealClock()))).child
        said: list[dict] = []
        ask, child.ask = child.ask, lambda message, *rest: (said.append(message), ask(message, *rest))[1]
        await up.send(outbound(tool=tool("echo"), idempotency_key="k", meta={"traceparent": "00"}), soon())
        assert 0 < said[0]["params"]["_meta"].pop("io.sallyport/deadline-ms") <= 4750
        assert said[0]["params"]["_meta"] == {"traceparent": "00", "io.sallyport/idempotency-key": "k"}


async def test_a_child_that_reads_nothing_is_not_fed_without_end() -> None:
    deaf = "import time; time.sleep(60)"
    async with stdio("", args=("-S", "-E", "-c", deaf), era="modern") as up:
        await up._running(Deadline(soon(), RealClock()))
        assert isinstance(await up.send(_call("echo", x="y" * 9_000_000), soon(0.05)), Lost)
        assert await up.send(_call("echo"), soon(0.05)) == Unsent(
            "its process does not read what it is sent", cause="unreached"
        )


async def _gone(up: McpStdioUpstream) -> None:
    await until(lambda: up._starting is None)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
