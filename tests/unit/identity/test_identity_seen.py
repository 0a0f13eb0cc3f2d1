"""Names seen before: each is first once within its time, whatever the order, and none is forgotten to make room."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.identity.seen import Seen
from gateway.model.work import StoreUnavailable


class Ticking:
    def __init__(self):
        self.at = 0.0

    def monotonic(self):
        return self.at

    now = monotonic


STEPS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 9), st.integers(0, 5)), max_size=50)


@settings(max_examples=60, deadline=None)
@given(STEPS)
async def test_a_name_is_first_exactly_once_until_its_time_is_over(steps):
    clock = Ticking()
    seen, until = Seen(clock), {}
    for name, ttl, wait in steps:
        first = until.get(name, 0) <= clock.at
        assert await seen.first(name, ttl) is first
        if first:
            until[name] = clock.at + ttl
        clock.at += wait


async def test_what_is_over_is_dropped_and_the_rest_is_bounded():
    clock = Ticking()
    seen = Seen(clock, most=100)
    for number in range(100):
        assert await seen.first(str(number), 60)
    with pytest.raises(StoreUnavailable):
        await seen.first("one more", 60)
    assert not await seen.first("0", 60)
    clock.at = 60
    for number in range(500):
        assert await seen.first(str(number), 60 if number < 50 else 1)
        clock.at += 1
    assert len(seen._until) == len(seen._ends) <= 100
