"""Session ids: sealed, bound to a principal, mortal."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listener_kit import ALICE, MALLORY, FakeClock

from gateway.listener import ended as memory
from gateway.listener.ended import EndedHere
from gateway.listener.sessions import Sessions
from gateway.model.refusal import Reason, Refused

SECRET = b"s" * 32


def made(secret: bytes, clock: FakeClock) -> Sessions:
    return Sessions(secret, clock, EndedHere(clock))


def refused(sessions: Sessions, text: str, principal=ALICE) -> Reason:
    with pytest.raises(Refused) as found:
        sessions.read(text, principal)
    return found.value.refusal.reason


def test_a_session_says_what_was_agreed() -> None:
    sessions = made(SECRET, FakeClock())
    session = sessions.read(sessions.start(ALICE, "2025-06-18", {"name": "t"}, {"roots": {}}), ALICE)
    assert (session.version, session.client, session.capabilities) == ("2025-06-18", {"name": "t"}, {"roots": {}})


def test_two_sessions_of_one_principal_are_two() -> None:
    sessions = made(SECRET, FakeClock())
    one, two = (sessions.read(sessions.start(ALICE, "2025-06-18", {}, {}), ALICE) for _ in range(2))
    assert one.key != two.key


@pytest.mark.parametrize(
    "other", [MALLORY, replace(ALICE, agent="x"), replace(ALICE, tenant="x"), replace(ALICE, user=None)]
)
def test_an_id_means_nothing_together_with_another_principal(other) -> None:
    sessions = made(SECRET, FakeClock())
    assert refused(sessions, sessions.start(ALICE, "2025-06-18", {}, {}), other) is Reason.SESSION_ENDED


def test_a_new_proof_of_the_same_principal_keeps_the_session() -> None:
    sessions = made(SECRET, FakeClock())
    sessions.read(sessions.start(ALICE, "2025-06-18", {}, {}), replace(ALICE, agent_proof="jwt:x", user_proof="jwt:x"))


def test_another_secret_reads_nothing_and_the_same_one_everything() -> None:
    text = made(SECRET, FakeClock()).start(ALICE, "2025-06-18", {}, {})
    made(SECRET, FakeClock()).read(text, ALICE)
    assert refused(made(b"t" * 32, FakeClock()), text) is Reason.SESSION_ENDED


def test_a_session_ends_after_a_day() -> None:
    clock = FakeClock()
    sessions = made(SECRET, clock)
    text = sessions.start(ALICE, "2025-06-18", {}, {})
    clock.at += 86_400
    sessions.read(text, ALICE)
    clock.at += 1
    assert refused(sessions, text) is Reason.SESSION_ENDED


def test_the_memory_of_ended_sessions_is_bounded_and_drops_the_dead_first(monkeypatch) -> None:
    monkeypatch.setattr(memory, "MOST", 3)
    clock = FakeClock()
    sessions = made(SECRET, clock)

    def ended() -> str:
        text = sessions.start(ALICE, "2025-06-18", {}, {})
        sessions.end(sessions.read(text, ALICE))
        return text

    for _ in range(2):
        ended()
    clock.at += 86_401
    fresh = [ended() for _ in range(3)]
    assert len(sessions._ended._until) == 3
    assert all(refused(sessions, text) is Reason.SESSION_ENDED for text in fresh)
    ended()
    assert len(sessions._ended._until) == 3


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nothing_made_up_is_a_session(text) -> None:
    assert refused(made(SECRET, FakeClock()), text) is Reason.SESSION_ENDED


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_changed_bit_survives(data) -> None:
    sessions = made(SECRET, FakeClock())
    raw = bytearray(base64.urlsafe_b64decode(sessions.start(ALICE, "2025-06-18", {}, {})))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert refused(sessions, base64.urlsafe_b64encode(bytes(raw)).decode()) is Reason.SESSION_ENDED
