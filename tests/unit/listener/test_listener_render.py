"""Every row of the refusal table, rendered for every listener's need: a truth table over the table itself."""

import json

import pytest

from gateway.listener.render import UNHEARD, Pen, Voice, shape
from gateway.model.call import Reply, ReplyError
from gateway.model.refusal import TABLE, Reason, Refusal, Shape
from gateway.wire import jsonrpc

PEN = Pen({"name": "sallyport", "version": "9.9"})
VOICES = [Voice("modern", 1, calls_tool=True), Voice("modern", 1), Voice("legacy", 1, calls_tool=True), UNHEARD]


@pytest.mark.parametrize("voice", VOICES, ids=["modern call", "modern", "legacy call", "unheard"])
@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_one_rendering_for_every_voice(reason, voice) -> None:
    refusal = Refusal(reason, "What, where, why.", retry_after_ms=1_500)
    answer = PEN.refusal(voice, refusal, "c1")
    told = json.loads(answer.body)
    match shape(voice, refusal):
        case Shape.RESULT:
            assert answer.status == 200
            assert told["result"]["isError"] is True
            assert told["result"]["content"] == [{"type": "text", "text": f"What, where, why. {TABLE[reason].remedy}"}]
            assert told["result"]["_meta"][jsonrpc.META_OUTCOME] == refusal.told("c1")
            assert ("resultType" in told["result"]) is (voice.era == "modern")
        case Shape.ERROR:
            assert told["id"] == voice.id
            older = {Reason.UNKNOWN_RESOURCE: -32002, Reason.MISSING_CAPABILITY: -32600}
            code = older.get(reason, TABLE[reason].code) if voice.era == "legacy" else TABLE[reason].code
            assert (told["error"]["code"], told["error"]["message"]) == (code, "What, where, why.")
            assert told["error"]["data"][jsonrpc.META_OUTCOME] == refusal.told("c1")
            expected = 400 if TABLE[reason].code == -32602 else TABLE[reason].status
            assert answer.status == (
                200 if voice.era == "legacy" and reason not in (Reason.INTERNAL, Reason.HEADER_MISMATCH) else expected
            )
            assert (b"retry-after", b"2") in answer.headers
        case Shape.BARE:
            assert answer.status == TABLE[reason].status
            assert set(told) == {"error", "detail", "remedy", "call_id"}


def test_only_a_tools_call_is_answered_with_a_tool_result() -> None:
    stopped = Refusal(Reason.STOPPED, "Stopped.")
    assert shape(VOICES[0], stopped) is Shape.RESULT
    assert shape(VOICES[1], stopped) is Shape.ERROR


@pytest.mark.parametrize(("detail", "said"), [("Stopped: incident", "Stopped: incident. An"), ("Why?", "Why? An")])
def test_words_of_an_operator_do_not_run_into_what_to_do(detail, said) -> None:
    told = json.loads(PEN.refusal(VOICES[0], Refusal(Reason.STOPPED, detail), "c1").body)
    assert told["result"]["content"][0]["text"].startswith(said)


def test_standard_members_of_error_data_stand_beside_ours() -> None:
    refusal = Refusal(Reason.UNSUPPORTED_VERSION, "No.", data={"supported": ["x"], "requested": "y"})
    data = json.loads(PEN.refusal(VOICES[1], refusal, "c1").body)["error"]["data"]
    assert set(data) == {"supported", "requested", jsonrpc.META_OUTCOME}


def test_an_upstreams_result_type_and_meta_survive_in_a_modern_result() -> None:
    told = PEN.result(VOICES[0], {"resultType": "input_required", "_meta": {"theirs": 1}, "unknown": None})
    result = json.loads(told.body)["result"]
    assert (result["resultType"], result["_meta"]["theirs"], result["unknown"]) == ("input_required", 1, None)


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize(("said", "headers"), [(True, [(b"idempotent-replayed", b"true")]), (1, []), (None, [])])
def test_a_replay_says_so_in_a_header(era, said, headers) -> None:
    meta = {} if said is None else {"io.sallyport/replayed": said}
    for ending in (Reply({"content": [], "_meta": meta}), ReplyError(-32000, "no", meta=meta)):
        answer = PEN.ending(Voice(era, 1, calls_tool=True), ending, "c1")
        assert list(answer.headers[1:]) == headers
