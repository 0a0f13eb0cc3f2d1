"""What makes two calls the same, and what must never make them different."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledger_kit import ALICE, FREE, SECRET, call, tool

from gateway.about import read
from gateway.ledger.attempt import Attempts
from gateway.ledger.case import Case
from gateway.ledger.key import RecordKeys, Source, answering, derived_key, fingerprint, round_of
from gateway.model.call import LONGEST_S, Asked
from gateway.model.dialogue import Dialogue, Silent
from gateway.model.principal import Principal
from gateway.model.terms import Terms
from gateway.model.tool import Effect
from gateway.model.trace import Trace

KEYS = RecordKeys(SECRET)
TEXT = st.text(max_size=8)
PRINCIPALS = st.builds(Principal, TEXT, TEXT, st.just("key:k"), st.none() | TEXT)
PARTS = st.tuples(PRINCIPALS, st.sampled_from("xd"), TEXT)


def test_a_record_is_named_by_tenant_user_agent_source_and_key() -> None:
    name = KEYS.record(ALICE, "x", "k")
    assert len(name) == 32
    assert name == RecordKeys(SECRET).record(ALICE, "x", "k")
    others = [
        KEYS.record(replace(ALICE, tenant="other"), "x", "k"),
        KEYS.record(replace(ALICE, agent="other"), "x", "k"),
        KEYS.record(replace(ALICE, user="other"), "x", "k"),
        KEYS.record(replace(ALICE, user=None), "x", "k"),
        KEYS.record(ALICE, "d", "k"),
        KEYS.record(ALICE, "x", "other"),
        RecordKeys(SECRET[::-1]).record(ALICE, "x", "k"),
    ]
    assert len({name, *others}) == 8


def test_how_a_caller_was_proven_makes_no_other_record() -> None:
    proven = replace(
        ALICE, agent_proof="jwt:main:azp", user_proof="jwt:main:sub", roles=frozenset({"x"}), expires_at=9.0
    )
    assert KEYS.record(proven, "x", "k") == KEYS.record(ALICE, "x", "k")


@given(PARTS, PARTS)
def test_different_facts_never_share_a_record(one: tuple, other: tuple) -> None:
    facts = [(who.tenant, who.agent, who.user, source, key) for who, source, key in (one, other)]
    assert (KEYS.record(*one) == KEYS.record(*other)) is (facts[0] == facts[1])


def test_names_that_run_into_each_other_stay_apart() -> None:
    one = replace(ALICE, user="a", agent="bagentc")
    other = replace(ALICE, user="aagentb", agent="c")
    assert KEYS.record(one, "x", "k") != KEYS.record(other, "x", "k")


def test_many_tenants_do_not_grow_memory_without_bound() -> None:
    keys = RecordKeys(SECRET)
    before = keys.record(ALICE, "x", "k")
    for number in range(1500):
        keys.record(replace(ALICE, tenant=f"t{number}"), "x", "k")
    assert len(keys._tenants) <= 1024
    assert keys.record(ALICE, "x", "k") == before


@pytest.mark.parametrize("same", [{"a": 1, "b": [1.0, -0.0]}, {"b": [1, 0], "a": 1}, {"b": [1.0, 0.0], "a": 1.0}])
def test_the_order_of_members_and_the_spelling_of_numbers_do_not_matter(same: dict) -> None:
    assert fingerprint(replace(call(), arguments=same)) == fingerprint(replace(call(), arguments={"a": 1, "b": [1, 0]}))


def test_tool_upstream_and_every_argument_matter_and_nothing_else() -> None:
    of = fingerprint(call(order=7))
    assert of != fingerprint(call(order=8))
    assert of != fingerprint(call(order=7, note=None))
    assert of != fingerprint(call(replace(tool(), name="refund2"), order=7))
    assert of != fingerprint(call(replace(tool(), upstream="other"), order=7))
    assert of == fingerprint(
        replace(call(replace(tool(), digest="1" * 64), order=7), published_name="refund", occurrence=2)
    )


def test_every_round_of_a_call_that_goes_on_is_a_record_of_its_own() -> None:
    asked = Asked("refund", {}, "modern", "2026-07-28")
    rounds = [
        asked,
        replace(asked, round=1, request_state="s"),
        replace(asked, round=1, input_responses={"a": {}}),
        replace(asked, round=1, request_state="s", input_responses={"a": {}}),
        replace(asked, round=1, request_state="s", input_responses={"a": {"action": "accept"}}),
    ]
    assert len({round_of(one, "d") for one in rounds}) == len({answering(b"f", one) for one in rounds}) == len(rounds)
    assert round_of(rounds[3], "c") == round_of(replace(rounds[3], trace=Trace.begun(), attempt=2), "d")
    sources: tuple[Source, ...] = ("x", "o", "c", "d")
    for source in sources:
        assert KEYS.record(ALICE, source, "k", round_of(asked, source)) == KEYS.record(ALICE, source, "k")
        guessed = replace(asked, input_responses={"a": {}})
        assert round_of(guessed, source) == round_of(asked, source), "answers to no question of ours"
        assert answering(b"f", guessed) == b"f"


@pytest.mark.parametrize("source", ["x", "o"])
def test_under_a_key_that_somebody_named_a_question_is_answered_once(source: Source) -> None:
    asked = Asked("refund", {}, "modern", "2026-07-28", request_state="s")
    one, other = (replace(asked, round=1, input_responses={"a": {"action": said}}) for said in ("accept", "decline"))
    assert round_of(one, source) == round_of(other, source)
    assert answering(b"f", one) != answering(b"f", other)
    assert round_of(replace(one, round=2), source) != round_of(one, source)


def test_the_ordinal_and_where_wanted_the_call_id_are_part_of_a_derived_key() -> None:
    of = fingerprint(call())
    assert len({derived_key(of, 1), derived_key(of, 2), derived_key(of, 1, "c1"), derived_key(of, 1, "c2")}) == 4


class Askable(Silent):
    capabilities = {"elicitation": {}}  # type: ignore[assignment]  # noqa: RUF012


@pytest.mark.parametrize(("dialogue", "asks"), [(Silent(), False), (Askable(), True)])
def test_a_lease_outlives_the_call_and_is_renewed_where_its_caller_may_be_asked(dialogue: Dialogue, asks: bool) -> None:
    asked = Asked("refund", {}, "modern", "2026-07-28", dialogue=dialogue)
    claim = Attempts(SECRET, "owner").of(Case(ALICE, call(), asked), "call-1", 10.0, FREE).claim
    assert (claim.lease_s, claim.renews) == (15.0, asks)
    lasts_s = read(claim.about).lasts_s  # no probe may believe that it is over before it is
    assert lasts_s == (LONGEST_S + 10.0 if asks else 10.0)


@pytest.mark.parametrize(
    ("effect", "said", "resend_within_s"),
    [
        (Effect.MUTATING, Terms(), None),
        (Effect.UNSET, Terms(), None),
        (Effect.MUTATING, Terms(in_doubt="probe"), None),
        (Effect.MUTATING, Terms(in_doubt="forward_key", dedupes_s=3600.0), 3600.0),
        (Effect.IDEMPOTENT, Terms(), math.inf),
        (Effect.IDEMPOTENT, Terms(in_doubt="resend"), math.inf),
        (Effect.IDEMPOTENT, Terms(in_doubt="forward_key", dedupes_s=3600.0), math.inf),
    ],
)
def test_a_doubt_may_be_sent_again_only_for_as_long_as_the_operator_vouches_for_it(
    effect: Effect, said: Terms, resend_within_s: float | None
) -> None:
    asked = Asked("refund", {}, "modern", "2026-07-28")
    case = Case(ALICE, call(tool(effect, terms=said)), asked)
    assert Attempts(SECRET, "owner").of(case, "call-1", 10.0, FREE).claim.resend_within_s == resend_within_s


@pytest.mark.parametrize("how", [{}, {"key": "k"}, {"call_ref": "toolu_1"}, {"once": True}])
def test_what_is_forwarded_is_the_same_for_every_attempt_at_one_call(how: dict) -> None:
    terms = Terms(once=("args.order",)) if how.pop("once", False) else Terms()
    asked = Asked("refund", {}, "modern", "2026-07-28", **how)
    case = Case(ALICE, call(tool(terms=terms)), asked)
    forwarded = {Attempts(SECRET, owner).of(case, owner, 10.0, FREE).claim.record.hex() for owner in "ab"}
    assert len(forwarded) == 1
    assert len(forwarded.pop()) == 64
