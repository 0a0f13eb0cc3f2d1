"""Rules R1 to R6: what each of them sees, what it is sure of, and that a naive reading of them agrees."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.loops import Loops as Limits
from gateway.ledger.loop_rules import (
    Attempt,
    Finding,
    alike,
    circling,
    failing,
    found,
    hurried_s,
    over,
    repeated,
    stuck,
)

LIMITS = Limits()
Step = tuple[str, int, int | None, bool]
"""tool, arguments, result, failed"""


def ring(steps: Sequence[Step]) -> list[Attempt]:
    """The last one is asked about, so its end is not known yet."""
    made = [Attempt(tool, (tool, of), hash((tool, of)), float(at)) for at, (tool, of, _, _) in enumerate(steps)]
    for one, (_, _, result, failed) in zip(made[:-1], steps[:-1], strict=True):
        one.result, one.failed = result, failed
    return made


def calls(word: str, result: int | None = 1) -> list[Step]:
    """A letter per call: `aab` is one tool twice with arguments a, then with b."""
    return [("crm_get", ord(letter), result, False) for letter in word]


def rule(seen: Finding | None) -> tuple[str, bool] | None:
    return None if seen is None else (seen.rule, seen.certain)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("aa", None),
        ("aaa", ("R1", True)),
        ("ababa", None),
        ("aabababbb", ("R1", True)),
        ("abababaca", ("R1", True)),
        ("abcbabcbabcba", None),
    ],
)
def test_r1_sees_three_in_a_row_or_five_in_twenty(word: str, expected: object) -> None:
    assert rule(repeated(ring(calls(word)), LIMITS)) == expected


def test_r1_is_not_sure_of_a_retry_nor_of_calls_that_bring_something_else_each_time() -> None:
    failed: list[Step] = [("crm_get", 1, None, True)] * 2 + calls("\1")
    assert rule(repeated(ring(failed), LIMITS)) == ("R1", False)
    popped: list[Step] = [("queue_pop", 1, number, False) for number in range(9)]
    assert rule(repeated(ring(popped), LIMITS)) == ("R1", False)
    endless: list[Step] = [("queue_pop", 1, number, False) for number in range(11)]
    assert rule(repeated(ring(endless), LIMITS)) == ("R1", True)


def test_r1_is_not_sure_where_work_goes_on_in_between() -> None:
    attempts = ring(calls("abacadaea"))
    for one in attempts[1::2]:
        one.news = True
    assert rule(repeated(attempts, LIMITS)) == ("R1", False)


def test_a_look_after_one_change_and_a_look_before_the_next_are_one_look() -> None:
    def looks(moves: bool, changes: bool) -> object:
        steps = [("crm_get", 0, number * moves, False) for number in range(10) for _ in "ab"]
        for number in reversed(range(9)):
            steps.insert(2 * number + 2, ("crm_set", number + 1, 1, False))
        attempts = ring(steps)
        for one in attempts:
            one.news = changes and one.tool == "crm_set"
        return rule(repeated(attempts, LIMITS))

    assert looks(moves=True, changes=True) == ("R1", False)
    assert looks(moves=True, changes=False) == ("R1", True)
    assert looks(moves=False, changes=True) == ("R1", True)


@pytest.mark.parametrize(
    ("word", "seen"),
    [("ababa", False), ("ababab", True), ("xxababab", True), ("abcabcabc", True), ("aaaaaaaa", False),
     ("abcdefabcdefabcdef", True), ("abcdefgabcdefgabcdefg", False), ("aabaabaab", True)],
)  # fmt: skip
def test_r2_sees_a_cycle_of_two_to_six_that_came_round_three_times(word: str, seen: bool) -> None:
    assert (circling(ring(calls(word)), LIMITS) is not None) is seen


def test_r2_is_not_sure_of_a_cycle_whose_results_change_and_blind_to_pollers() -> None:
    reading: list[Step] = [("page_read" if n % 2 else "page_next", n % 2, n, False) for n in range(6)]
    assert rule(circling(ring(reading), LIMITS)) == ("R2", False)
    attempts = ring(calls("ababab"))
    attempts[2].polled = True
    assert circling(attempts, LIMITS) is None


def test_r3_sees_the_same_result_three_times_at_any_distance() -> None:
    assert stuck(ring(calls("abca")), LIMITS) is None
    assert rule(stuck(ring(calls("abacbca" + "a")), LIMITS)) == ("R3", True)
    changing: list[Step] = [("crm_get", 1, number, False) for number in range(6)]
    assert stuck(ring(changing), LIMITS) is None


def test_r4_sees_eight_calls_that_bring_nothing_new_and_is_sure_only_where_the_arguments_hardly_differ() -> None:
    def tries(count: int, cores: int, results: int) -> list[Attempt]:
        attempts = ring([("crm_find", number, number % results, False) for number in range(count)])
        for number, one in enumerate(attempts):
            one.core = number % cores
        return attempts

    assert alike(tries(7, 1, 1), LIMITS) is None
    assert rule(alike(tries(8, 1, 1), LIMITS)) == ("R4", True)
    assert rule(alike(tries(8, 8, 1), LIMITS)) == ("R4", False)
    assert alike(tries(8, 1, 8), LIMITS) is None
    unanswered = ring([("crm_find", number, None, False) for number in range(20)])
    assert alike(unanswered, LIMITS) is None


def test_r5_sees_five_failures_in_a_row_and_is_not_sure_of_a_batch_that_meets_them() -> None:
    def failures(count: int, kinds: int) -> list[Attempt]:
        return ring([("crm_set", number % kinds, None, True) for number in range(count)] + [("crm_set", 0, None, False)])  # fmt: skip

    assert failing(failures(4, 1), LIMITS) is None
    assert rule(failing(failures(5, 1), LIMITS)) == ("R5", True)
    assert rule(failing(failures(5, 5), LIMITS)) == ("R5", False)
    assert rule(failing(failures(10, 10), LIMITS)) == ("R5", True)
    denied = failures(12, 1)
    denied[3].denied = True
    assert rule(failing(denied, LIMITS)) == ("R5", False)


def test_r6_counts_the_steps_of_a_run() -> None:
    assert over(100, LIMITS) is None
    assert rule(over(101, LIMITS)) == ("R6", True)


def test_what_is_certain_is_told_before_what_is_not() -> None:
    retries: list[Step] = [("crm_get", 1, None, True)] * 5 + calls("\1")
    assert rule(found(ring(retries), LIMITS, 0)) == ("R1", True)
    assert rule(found(ring(calls("abc")), LIMITS, 101)) == ("R6", True)


@pytest.mark.parametrize(("every_s", "waits_s"), [(10.0, 0.0), (9.2, 0.0), (5.0, 10.0), (1.0, 18.0)])
def test_a_poller_waits_only_where_it_polls_faster_than_it_may(every_s: float, waits_s: float) -> None:
    polls = ring(calls("aaa"))
    for number, one in enumerate(polls):
        one.at, one.polled = number * every_s, True
    assert hurried_s(polls, 10.0, LIMITS) == waits_s
    assert found(polls, LIMITS, 0) is None


STEP = st.tuples(st.sampled_from(["t", "u"]), st.integers(0, 2), st.sampled_from([None, 1, 2]), st.booleans())
ANY = st.lists(STEP, min_size=1, max_size=40)
ROUNDS = st.builds(
    lambda before, pattern, times, after: before + pattern * times + after,
    st.lists(STEP, max_size=6),
    st.lists(STEP, min_size=1, max_size=7),
    st.integers(2, 5),
    st.lists(STEP, max_size=2),
)
STEPS = ANY | ROUNDS
"""Chance alone makes few cycles."""


@given(STEPS)
def test_every_rule_sees_what_a_naive_reading_sees(steps: list[Step]) -> None:
    attempts = ring(steps)
    what = [(tool, of) for tool, of, _, _ in steps]
    last, earlier = what[-1], steps[:-1]

    in_a_row = max(n for n in range(1, len(what) + 1) if what[-n:] == [last] * n)
    assert (repeated(attempts, LIMITS) is not None) == (in_a_row >= 3 or what[-20:].count(last) >= 5)

    rounds = [
        p for p in range(2, 7) if len(what) >= 3 * p and what[-p:] * 3 == what[-3 * p :] and len(set(what[-p:])) > 1
    ]
    assert (circling(attempts, LIMITS) is not None) == bool(rounds)

    results = [result for tool, of, result, _ in earlier if (tool, of) == last and result is not None]
    assert (stuck(attempts, LIMITS) is not None) == any(results.count(one) >= 3 for one in results)

    five = earlier[-5:]
    fails = len(five) == 5 and all(tool == last[0] and failed for tool, _, _, failed in five)
    assert (failing(attempts, LIMITS) is not None) == fails

    assert (over(len(steps), Limits(steps=20)) is not None) == (len(steps) > 20)
