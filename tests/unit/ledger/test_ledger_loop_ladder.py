"""Which rung follows which."""

from dataclasses import replace

import pytest

from gateway.ledger.loop_ladder import Level, Reach, Rung, calmed, climbed
from gateway.ledger.loop_rules import Finding
from gateway.model.tool import Effect

FINDING = Finding("R1", b"f", "was called 3 times in a row", certain=True)
HOUR_S = 3_600.0
HINT, REFUSE, ASK, PAUSE = Level.HINT, Level.REFUSE, Level.ASK, Level.PAUSE


def reach(effect: Effect, *, refuses: bool = False, gentle: bool = False, asks: bool = True) -> Reach:
    return Reach.of(effect, gentle=gentle, refuses=refuses, asks=asks)


def climb(of: Reach, times: int, every_s: float = 1.0) -> list[Level]:
    rung, levels = None, []
    for number in range(times):
        rung = climbed(rung, FINDING, number * every_s, of, HOUR_S)
        levels.append(rung.level)
    return levels


@pytest.mark.parametrize(
    ("of", "levels"),
    [
        (reach(Effect.MUTATING), [REFUSE, REFUSE, REFUSE, ASK, PAUSE]),
        (reach(Effect.IDEMPOTENT), [REFUSE, REFUSE, REFUSE, ASK, PAUSE]),
        (reach(Effect.MUTATING, asks=False), [REFUSE, REFUSE, REFUSE, PAUSE, PAUSE]),
        (reach(Effect.MUTATING, gentle=True), [HINT, REFUSE, REFUSE, REFUSE, ASK]),
        (reach(Effect.UNSET), [HINT, HINT, HINT, HINT, HINT]),
        (reach(Effect.UNSET, refuses=True), [HINT, REFUSE, REFUSE, REFUSE, ASK]),
        (reach(Effect.READ), [HINT, HINT, HINT, HINT, HINT]),
        (reach(Effect.READ, refuses=True), [HINT, REFUSE, REFUSE, REFUSE, REFUSE]),
    ],
)
def test_every_effect_has_its_own_part_of_the_ladder(of: Reach, levels: list[Level]) -> None:
    assert climb(of, 5) == levels


def test_the_cool_down_doubles_and_is_bounded() -> None:
    rung, waits = None, []
    for _ in range(9):
        rung = climbed(rung, FINDING, 0.0, reach(Effect.READ, refuses=True), 900.0)
        waits.append(rung.until)
    assert waits == [30.0, 30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]


def test_who_waits_for_the_end_of_the_cool_down_passes_once() -> None:
    assert climb(reach(Effect.MUTATING), 6, every_s=200.0) == [REFUSE, HINT, REFUSE, HINT, REFUSE, HINT]


@pytest.mark.parametrize("effect", [Effect.READ, Effect.UNSET])
def test_who_looks_now_and_then_is_only_told_again_unless_steps_are_what_is_counted(effect: Effect) -> None:
    assert climb(reach(effect, refuses=True), 6, every_s=30.0) == [HINT] * 6
    assert climb(reach(effect, refuses=True), 3, every_s=29.9) == [HINT, REFUSE, REFUSE]
    assert climb(reach(effect, refuses=True, gentle=True), 3, every_s=200.0) == [HINT, REFUSE, HINT]


def test_who_was_refused_is_not_only_told_again_however_long_it_takes() -> None:
    refused = Rung(FINDING, HINT, 30.0, refusals=1)
    assert climbed(refused, FINDING, 500.0, reach(Effect.READ, refuses=True), HOUR_S).level is REFUSE


def test_another_course_steps_down_one_rung_at_a_time() -> None:
    rung: Rung | None = Rung(FINDING, ASK, 100.0, 3)
    levels = []
    while rung is not None:
        levels.append(rung.level)
        rung = calmed(rung)
    assert levels == [ASK, REFUSE, HINT]


def test_a_question_that_is_open_is_asked_again_and_not_stepped_down_from() -> None:
    asked = Rung(FINDING, ASK, 100.0, 3, asked=b"f")
    assert calmed(asked) == asked
    assert climbed(asked, FINDING, 500.0, reach(Effect.MUTATING), HOUR_S).level is ASK
    answered = replace(asked, asked=None)
    assert climbed(answered, FINDING, 50.0, reach(Effect.MUTATING), HOUR_S).level is PAUSE
    assert climbed(answered, FINDING, 500.0, reach(Effect.MUTATING), HOUR_S).level is REFUSE
