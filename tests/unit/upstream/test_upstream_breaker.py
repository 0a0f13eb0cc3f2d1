"""The breaker: what opens it, who may try first, how it closes; then any order of events against what must always hold."""

from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from upstream_kit import HandClock

from gateway.config.upstreams import Breaker
from gateway.upstream.breaker import LONGEST_OPEN_S, PROBES, Circuit, HalfOpen, Open, Probing, Sign

RULE = Breaker(failures=0.5, calls=4, window=timedelta(seconds=10), connects=3, open=timedelta(seconds=10))
GOOD, FAILED, UNREACHED, MOOT = Sign.GOOD, Sign.FAILED, Sign.UNREACHED, Sign.MOOT
FREELY, ALONE, NEVER = Probing.FREELY, Probing.ALONE, Probing.NEVER


def _circuit(clock: HandClock, chance: float = 0.0) -> Circuit:
    return Circuit(RULE, clock, lambda: chance)


def _end(circuit: Circuit, *signs: Sign) -> None:
    for sign in signs:
        circuit.ends(circuit.sends(), sign)


def _opened(clock: HandClock) -> Circuit:
    circuit = _circuit(clock)
    _end(circuit, *[FAILED] * 4)
    assert circuit.standing == "open"
    return circuit


@pytest.mark.parametrize(
    ("signs", "standing"),
    [
        ([FAILED] * 3, "closed"),
        ([FAILED] * 4, "open"),
        ([GOOD, GOOD, FAILED, FAILED], "open"),
        ([GOOD, GOOD, GOOD, FAILED], "closed"),
        ([UNREACHED] * 2, "closed"),
        ([UNREACHED] * 3, "open"),
        ([UNREACHED, UNREACHED, GOOD, GOOD, GOOD, UNREACHED], "open"),
        ([GOOD] * 4 + [UNREACHED, UNREACHED, GOOD, UNREACHED], "closed"),
        ([MOOT] * 50, "closed"),
        ([FAILED, FAILED, FAILED, MOOT], "closed"),
    ],
)
def test_a_share_of_failures_or_failed_connections_in_a_row_open_it(signs: list[Sign], standing: str) -> None:
    circuit = _circuit(HandClock())
    _end(circuit, *signs)
    assert circuit.standing == standing


def test_what_failed_before_the_window_is_forgotten() -> None:
    clock = HandClock()
    circuit = _circuit(clock)
    _end(circuit, *[FAILED] * 3)
    clock.pass_s(10)
    _end(circuit, FAILED, FAILED, FAILED)
    assert circuit.standing == "closed"
    clock.pass_s(9)
    _end(circuit, FAILED)
    assert circuit.standing == "open"


def test_nobody_passes_while_it_is_open_and_the_wait_is_told() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(4)
    assert [circuit.wait_s(probing) for probing in Probing] == [6.0] * 3
    clock.pass_s(6)
    assert circuit.wait_s(FREELY) == 0
    assert circuit.standing == "half-open"


def test_three_probes_pass_and_no_fourth() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(10)
    for _ in range(PROBES):
        assert circuit.wait_s(FREELY) == 0
        circuit.sends()
    assert circuit.wait_s(FREELY) > 0


def test_a_probe_that_failed_is_one_of_the_three() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(10)
    _end(circuit, FAILED)
    for _ in range(PROBES - 1):
        assert circuit.wait_s(FREELY) == 0
        circuit.sends()
    assert circuit.wait_s(FREELY) > 0


def test_one_good_probe_closes_it() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(10)
    first, second = circuit.sends(), circuit.sends()
    circuit.ends(first, FAILED)
    circuit.ends(second, GOOD)
    assert circuit.standing == "closed"
    _end(circuit, FAILED, FAILED, FAILED)  # and what failed before it opened is not held against it
    assert circuit.standing == "closed"


@pytest.mark.parametrize("bad", [FAILED, UNREACHED])
def test_three_bad_probes_open_it_for_twice_as_long_up_to_five_minutes(bad: Sign) -> None:
    clock = HandClock()
    circuit, pauses = _opened(clock), []
    for _ in range(7):
        pauses.append(circuit.wait_s(FREELY))
        clock.pass_s(pauses[-1])
        _end(circuit, bad, bad, bad)
    assert pauses == [10, 20, 40, 80, 160, LONGEST_OPEN_S, LONGEST_OPEN_S]


def test_jitter_only_shortens_the_pause() -> None:
    circuit = _circuit(HandClock(), chance=0.999)
    _end(circuit, *[FAILED] * 4)
    assert 8.0 <= circuit.wait_s(FREELY) < 8.1


def test_opening_again_soon_doubles_and_a_quiet_window_forgets() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(10)
    _end(circuit, GOOD, *[FAILED] * 4)
    assert circuit.wait_s(FREELY) == 20
    clock.pass_s(20)
    _end(circuit, GOOD)
    clock.pass_s(10)
    _end(circuit, *[FAILED] * 4)
    assert circuit.wait_s(FREELY) == 10


def test_a_probe_that_says_nothing_gives_its_place_back() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(10)
    _end(circuit, *[MOOT] * 9)
    assert circuit.wait_s(FREELY) == 0
    assert circuit.standing == "half-open"


def test_what_cannot_be_taken_back_probes_only_alone_and_afresh() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    clock.pass_s(10)
    assert circuit.wait_s(NEVER) > 0
    assert circuit.wait_s(ALONE) == 0
    read = circuit.sends()
    assert circuit.wait_s(ALONE) > 0
    assert circuit.wait_s(FREELY) == 0
    circuit.ends(read, FAILED)
    assert circuit.wait_s(ALONE) == 0
    assert circuit.wait_s(NEVER) > 0


def test_a_call_that_left_before_the_opening_says_nothing_afterwards() -> None:
    clock = HandClock()
    circuit = _circuit(clock)
    late = circuit.sends()
    _end(circuit, *[FAILED] * 4)
    circuit.ends(late, GOOD)
    assert circuit.standing == "open"
    clock.pass_s(10)
    circuit.sends()
    circuit.ends(late, GOOD)
    assert circuit.standing == "half-open"


def test_a_sign_of_life_closes_it_once_its_pause_is_over_and_not_before() -> None:
    clock = HandClock()
    circuit = _opened(clock)
    circuit.lives()
    assert circuit.standing == "open"
    clock.pass_s(10)
    circuit.lives()
    assert circuit.standing == "closed"


class AnyOrder(RuleBasedStateMachine):
    """Calls leave only where the circuit lets them, end in any order and any way, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.circuit = Circuit(RULE, self.clock, lambda: 0.5)
        self.flying: list[int] = []

    @rule(probing=st.sampled_from(Probing))
    def call(self, probing: Probing) -> None:
        before, wait_s = self.circuit._state, self.circuit.wait_s(probing)
        if wait_s > 0:
            assert self.circuit.standing != "closed"
            return
        if isinstance(before, Open):
            assert before.until <= self.clock.monotonic()
        if self.circuit.standing != "closed":
            assert probing is not NEVER
            assert probing is FREELY or not isinstance(before, HalfOpen) or before.out == 0
        self.flying.append(self.circuit.sends())

    @precondition(lambda self: self.flying)
    @rule(sign=st.sampled_from(Sign), which=st.integers(0, 99))
    def end(self, sign: Sign, which: int) -> None:
        before = self.circuit._state
        epoch = self.flying.pop(which % len(self.flying))
        self.circuit.ends(epoch, sign)
        if epoch != before.epoch:
            assert self.circuit._state is before
        if sign is MOOT:
            assert type(self.circuit._state) is type(before)
        if isinstance(before, HalfOpen) and epoch == before.epoch and sign is GOOD:
            assert self.circuit.standing == "closed"

    @precondition(lambda self: self.circuit.standing == "closed")
    @rule()
    def outage(self) -> None:
        _end(self.circuit, *[UNREACHED] * 3)
        assert self.circuit.standing == "open"

    @rule(seconds=st.sampled_from([0.1, 1.0, 7.0, 30.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.clock.pass_s(seconds)

    @rule()
    def listing(self) -> None:
        self.circuit.lives()
        if not isinstance(self.circuit._state, Open):
            assert self.circuit.standing == "closed"

    @invariant()
    def probes_are_counted_and_few(self) -> None:
        state = self.circuit._state
        if isinstance(state, HalfOpen):
            assert state.out == self.flying.count(state.epoch)
            assert state.out + state.failed <= PROBES
            assert state.out > 0 or self.circuit.wait_s(FREELY) == 0  # nobody is shut out for ever

    @invariant()
    def no_pause_is_longer_than_the_longest(self) -> None:
        state = self.circuit._state
        if isinstance(state, Open):
            assert state.until - self.clock.monotonic() <= LONGEST_OPEN_S


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
