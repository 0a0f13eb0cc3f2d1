"""How long an answer guards against being given twice: the whole table."""

from typing import get_args

import pytest
from ledger_kit import tool

from gateway.ledger.windows import DAY_S, TWICE_S, Keeps, Windows, windows
from gateway.model.claim import KeySource
from gateway.model.terms import Terms
from gateway.model.tool import Derived, Effect

KEEPS = Keeps(explicit_s=7.0, once_s=9.0)
NAMED = Windows(7.0, failed_s=7.0)


@pytest.mark.parametrize("source", ["header", "meta"])
@pytest.mark.parametrize("effect", Effect)
@pytest.mark.parametrize("derived", get_args(Derived))
def test_an_explicit_key_keeps_every_answer_for_its_time(source: KeySource, effect: Effect, derived: Derived) -> None:
    terms = Terms(delivered_s=1.0, undelivered_s=2.0)
    assert windows(tool(effect, derived=derived, terms=terms), source, KEEPS) == NAMED


@pytest.mark.parametrize("effect", Effect)
def test_a_business_key_keeps_what_was_done_and_for_a_shorter_time_what_failed(effect: Effect) -> None:
    window = windows(tool(effect), "once", KEEPS)
    assert window == Windows(9.0, failed_s=7.0)
    assert (window.ended_s(is_error=False), window.ended_s(is_error=True)) == (9.0, 7.0)


def test_without_a_word_of_the_operator_explicit_keys_live_a_day_and_business_keys_thirty() -> None:
    assert windows(tool(), "header").kept_s == DAY_S
    assert windows(tool(), "once").kept_s == 30 * DAY_S


@pytest.mark.parametrize(
    ("effect", "derived", "kept_s", "delivered_s"),
    [
        (Effect.MUTATING, "on", DAY_S, TWICE_S),
        (Effect.MUTATING, "in_flight_only", DAY_S, 0.0),
        (Effect.MUTATING, "off", 0.0, None),
        (Effect.IDEMPOTENT, "on", DAY_S, 0.0),
        (Effect.UNSET, "on", DAY_S, 0.0),
        (Effect.UNSET, "in_flight_only", DAY_S, 0.0),
        (Effect.UNSET, "off", 0.0, None),
    ],
)
def test_only_a_declared_mutating_tool_is_deduplicated_after_delivery(
    effect: Effect, derived: Derived, kept_s: float, delivered_s: float | None
) -> None:
    window = windows(tool(effect, derived=derived), "derived", KEEPS)
    assert (window.kept_s, window.delivered_s, window.failed_s) == (kept_s, delivered_s, 0.0)


@pytest.mark.parametrize(
    ("effect", "derived", "said", "kept_s", "delivered_s"),
    [
        (Effect.MUTATING, "on", Terms(delivered_s=5.0, undelivered_s=50.0), 50.0, 5.0),
        (Effect.MUTATING, "on", Terms(delivered_s=0.0), DAY_S, 0.0),
        (Effect.MUTATING, "on", Terms(undelivered_s=0.0), TWICE_S, TWICE_S),
        (Effect.MUTATING, "on", Terms(delivered_s=0.0, undelivered_s=0.0), 0.0, 0.0),
        (Effect.MUTATING, "in_flight_only", Terms(delivered_s=5.0, undelivered_s=50.0), 50.0, 0.0),
        (Effect.UNSET, "on", Terms(delivered_s=5.0, undelivered_s=50.0), 50.0, 0.0),
        (Effect.IDEMPOTENT, "on", Terms(delivered_s=5.0), DAY_S, 0.0),
        (Effect.MUTATING, "off", Terms(delivered_s=5.0, undelivered_s=50.0), 0.0, None),
    ],
)
def test_a_tool_may_have_windows_of_its_own_within_what_its_effect_allows(
    effect: Effect, derived: Derived, said: Terms, kept_s: float, delivered_s: float | None
) -> None:
    window = windows(tool(effect, derived=derived, terms=said), "derived", KEEPS)
    assert (window.kept_s, window.delivered_s) == (kept_s, delivered_s)


@pytest.mark.parametrize("effect", [Effect.MUTATING, Effect.UNSET, Effect.IDEMPOTENT])
def test_a_call_id_is_remembered_beside_the_guess_for_as_long_as_an_explicit_key(effect: Effect) -> None:
    guess, named = windows(tool(effect), "derived", KEEPS), windows(tool(effect), "call-id", KEEPS)
    assert (named.kept_s, named.delivered_s, named.failed_s) == (guess.kept_s, guess.delivered_s, 0.0)
    assert named.also_s == 7.0
    assert windows(tool(effect, derived="off"), "call-id", KEEPS) == NAMED
