"""The promise after one death (ledger §1.1), as assertions: whatever the table says, it never happened twice."""

from collections.abc import Callable
from typing import Any

from crash_kit import Mortal, call_id, meta
from crash_table import Crash
from e2e_kit import outcome, structured

Arguments = dict[str, Any]


def die_at(gateway: Mortal, at: str, tool: str, arguments: Arguments, key: str | None = None) -> None:
    """Makes a call that kills the gateway, and starts it again."""
    gateway.arm(at)
    assert gateway.ask(tool, arguments, key) is None
    gateway.risen()


def die_and_retry(
    gateway: Mortal,
    crash: Crash,
    tool: str,
    arguments: Arguments,
    key: str | None,
    count: Callable[[str], int],
    tries: int = 2,
) -> None:
    """Dies in the call, sends it again `tries` times, and holds what it gets against the table.

    `arguments["reason"]` is the call's own, and `count` says how often the call with that reason was carried out.
    """
    reason = arguments["reason"]
    die_at(gateway, crash.at, tool, arguments, key)
    first, left, before = gateway.of_first_call(reason), gateway.ends_of(reason), count(reason)
    gateway.check_whole()

    told, *again = [gateway.insisted(tool, arguments, key) for _ in range(tries)]

    assert count(reason) <= 1, "it happened twice"
    possible = [fate for fate in crash.fates if list(fate.first) == left]
    assert possible, f"the call that died left {left}"
    (fate,) = [fate for fate in possible if len(possible) == 1 or fate.retry == retried(told)]
    assert before in fate.effects
    match fate.retry:
        case "executes":
            assert structured(told)["reason"] == reason
            assert gateway.found(call_id(told), "intent", "call")["outcome"] == "answered"
            for answer in again:
                check_replayed(gateway, answer, reason, call_id(told))
            assert count(reason) == 1
        case "doubt":
            for answer in (told, *again):
                check_doubted(gateway, answer)
            assert count(reason) in fate.effects
        case "replays":
            for answer in (told, *again):
                check_replayed(gateway, answer, reason, first[0]["call"])
            assert count(reason) == 1
    gateway.check_whole()


def retried(told: dict[str, Any]) -> str:
    """What the retry says became of the call, where the journal leaves that open."""
    if told["result"].get("isError"):
        return "doubt"
    return "replays" if "io.sallyport/replayed" in meta(told) else "executes"


def check_replayed(gateway: Mortal, answer: dict[str, Any], reason: str, original: str) -> None:
    """The answer of the call that executed, marked as such."""
    assert meta(answer)["io.sallyport/replayed"] is True
    assert meta(answer)["io.sallyport/original"] == original
    assert structured(answer)["reason"] == reason
    assert gateway.end_of(call_id(answer))["outcome"] == "replayed"


def check_doubted(gateway: Mortal, answer: dict[str, Any]) -> None:
    """The honest word: sent, outcome unknown."""
    assert outcome(answer)["reason"] == "outcome-unknown"
    assert outcome(answer)["executed"] == "unknown"
    assert gateway.end_of(outcome(answer)["call_id"])["outcome"] == "in-doubt"
