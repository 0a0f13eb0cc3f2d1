"""Deaths while a person settles a doubt: it is settled with its entry, or it is a doubt still; nothing is sent twice."""

import pytest
from crash_kit import Effects, Mortal, call_id, key_of, refund
from crash_promise import check_doubted, die_at
from crash_table import REDIS_RESOLVING, RESOLVING

TOOL = "desk_refund_create"


@pytest.mark.parametrize(
    ("store", "at"), [("gateway", at) for at in RESOLVING] + [("redis_gateway", at) for at in REDIS_RESOLVING]
)
def test_a_word_on_a_doubt_survives_a_death_at(
    request: pytest.FixtureRequest, effects: Effects, store: str, at: str
) -> None:
    mortal: Mortal = request.getfixturevalue(store)
    reason = effects.new_reason(f"resolving {store} {at}")
    die_at(mortal, "upstream.before-send", TOOL, refund(reason), key_of(reason))
    (doubt,) = (one for one in mortal.doubts() if one["call"] == mortal.of_first_call(reason)[0]["call"])

    mortal.arm(at)
    assert mortal.say(doubt["call"], executed=False) is None
    mortal.risen()
    mortal.check_whole()

    settled = doubt["call"] not in {one["call"] for one in mortal.doubts()}
    assert not settled or mortal.words_on(doubt["call"]), "nobody knows who settled it"
    if not settled:
        check_doubted(mortal, mortal.answered(TOOL, refund(reason), key_of(reason)))
        said = mortal.say(doubt["call"], executed=False)
        assert said is not None
        assert said.status_code == 200, said.text
    told = mortal.answered(TOOL, refund(reason), key_of(reason))
    assert mortal.found(call_id(told), "intent", "call")["outcome"] == "answered"
    assert effects.refunds(reason) == 1
    mortal.check_whole()
