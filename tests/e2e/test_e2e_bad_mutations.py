"""Thousands of mutated requests and answers: nothing crashes, hangs or shows itself, and nothing reaches an upstream unauthorised."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bad_answers import SECRET, UNSEEN
from bad_mutations import Mutator, requests
from bad_peer import Seen, last, reply, result, says
from bad_siege import Siege, shows_nothing
from bad_wire import Answer, Line, call, hello, legacy, line, written

pytest_plugins = ("bad_siege_plugin",)

TEXT = {"text": str}
MAY_SAY = {"echo": TEXT, "shaped": TEXT, "denied": TEXT, "region": None, "pay": {"to": str, "cents": int}}
REASONS_OF_UPSTREAMS = {
    None,
    "upstream-invalid",
    "upstream-refused",
    "upstream-timeout",
    "upstream-unavailable",
    "outcome-unknown",
    "result-withheld",
}


def authorised(seen: Seen) -> bool:
    """The oracle, which knows nothing of the gateway: may alice's agent send this tool these arguments?"""
    name, arguments = seen.params["name"], seen.params["arguments"]
    if name not in MAY_SAY or not isinstance(arguments, dict):
        return False
    if name == "region":
        return isinstance(arguments.get("region", ""), str)
    if any(type(value) is not MAY_SAY[name].get(member) for member, value in arguments.items()):
        return False
    if name == "denied":
        return arguments.get("text", "no") != "no"
    return name != "pay" or (len(arguments) == 2 and len(arguments["to"]) <= 40 and arguments["cents"] >= 1)


def is_sound(answer: Answer) -> None:
    """An answer as good as any: no defect, nothing of ours in it, JSON where there is a body."""
    assert 200 <= answer.status < 500, answer.raw
    shows_nothing(answer)
    if answer.body and answer.headers["content-type"] == "application/json":
        assert answer.told.get("reason") != "internal"


def records(siege: Siege, mark: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every record after `mark`."""
    path = f"/audit?limit=1000&order=oldest&since={mark['time']}"
    page = siege.operator(path)
    yield from page["records"]
    while page["next"]:
        page = siege.operator(f"{path}&cursor={page['next']}")
        yield from page["records"]


def agrees(siege: Siege, mark: dict[str, Any], reached: int, told: list[Answer]) -> None:
    """Journal, wire and upstream tell the same story."""
    found = [record for record in records(siege, mark) if record["id"] != mark["id"] and "call" in record]
    ended = Counter(record["call"] for record in found if record["kind"] != "intent")
    assert set(ended.values()) <= {1}, "a call has two ends"
    assert {record["call"] for record in found if record["kind"] == "intent"} <= ended.keys(), "a call has no end"
    assert {answer.told["call_id"] for answer in told if answer.body and answer.told} <= ended.keys(), (
        "a refusal has no record"
    )
    sent = [record for record in found if record["kind"] == "call" and record["outcome"] == "answered"]
    calls = siege.peer.calls[reached:]
    assert [seen.params for seen in calls if not authorised(seen)] == []
    assert Counter(record["tool"] for record in sent) <= Counter(f"desk/{seen.params['name']}" for seen in calls)


def storm(siege: Siege, whole: int, torn: int, seed: int) -> None:
    """Mutated requests of both eras: `whole` ones must be answered, `torn` ones may be waited for."""
    opened = siege.ask(written(*legacy("initialize", hello())))
    assert opened is not None
    seeds = requests(opened.headers["mcp-session-id"])
    siege.peer.script = says(lambda seen: reply(200, result(seen)))
    mark, reached = siege.newest(), len(siege.peer.calls)

    def answered(number: int) -> Answer | None:
        with line(siege.port) as wire:
            wire.say(Mutator(seed + number).request(seeds))
            return wire.answer()

    def heard(number: int) -> Answer | None:
        with line(siege.port) as wire:
            wire.say(Mutator(seed + number).torn(seeds))
            return _soon(wire)

    with ThreadPoolExecutor(8) as pool:
        first = list(pool.map(answered, range(whole)))
        second = list(pool.map(heard, range(whole, whole + torn)))

    told = [answer for answer in first + second if answer is not None]
    assert None not in first, "a whole request got no answer"
    assert len(told) > whole + torn / 3
    for answer in told:
        if answer.body != b"Invalid HTTP request received.":
            is_sound(answer)
    siege.still_serves()
    agrees(siege, mark, reached, [answer for answer in told if answer.body.startswith(b"{")])


def _soon(wire: Line) -> Answer | None:
    try:
        return wire.answer(0.3)
    except TimeoutError:
        return None


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for member in value.values():
                yield from strings(member)
        case list():
            for item in value:
                yield from strings(item)


def misanswered(siege: Siege, count: int, seed: int) -> None:
    """Mutated answers of the upstream to reads and payments."""

    def one(number: int) -> None:
        mutator = Mutator(seed + number)
        name, arguments = [
            ("desk_echo", {}),
            ("desk_shaped", {}),
            ("desk_pay", {"to": f"{seed}-{number}", "cents": 1}),
        ][number % 3]
        siege.peer.script = last(mutator.answer)
        answer = siege.call(name, arguments)
        is_sound(answer)
        assert answer.told.get("reason") in REASONS_OF_UPSTREAMS
        assert not [text for text in strings(answer.json) if {*UNSEEN[:3], "\x1b"} & {*text}], answer.raw
        assert f" {SECRET} ".encode() not in answer.raw

    for number in range(count):
        one(number)
    siege.still_serves()


def test_no_mutation_of_requests_or_answers_gets_through_to_anything(siege: Siege) -> None:
    storm(siege, 200, 20, seed=900_000)  # what is built once is built now
    before = siege.resident()

    storm(siege, 1_600, 400, seed=0)
    misanswered(siege, 360, seed=500_000)

    assert siege.resident() - before < 32_000_000
    siege.kept_quiet()


@pytest.mark.deep
@pytest.mark.timeout(900)
@pytest.mark.parametrize("round_", range(5))
def test_many_more_mutations_get_through_to_nothing_either(siege: Siege, round_: int) -> None:
    storm(siege, 8_000, 2_000, seed=1_000_000 * (round_ + 1))
    misanswered(siege, 3_000, seed=1_000_000 * (round_ + 1) + 500_000)
    siege.kept_quiet()


def test_the_oracle_would_see_what_is_not_authorised() -> None:
    def seen(name: str, arguments: Any) -> Seen:
        return Seen({}, {"params": {"name": name, "arguments": arguments}})

    assert authorised(seen("pay", {"to": "x", "cents": 1}))
    assert not any(
        authorised(seen(*wrong))
        for wrong in (("hidden", {}), ("pay", {"to": "x", "cents": True}), ("pay", {"to": "x"}), ("denied", {"text": "no"}), ("echo", {"x": ""}))
    )  # fmt: skip
    assert call("desk_echo", {})[0]["params"]["name"] == "desk_echo"
