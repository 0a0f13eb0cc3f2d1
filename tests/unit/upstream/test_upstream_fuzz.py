"""Whatever a server says in mid-call: the caller hears only what is its own, is asked only what it declared, and the call ends."""

import asyncio
import json

from dialogue_kit import FORM, Caller
from hypothesis import given, settings
from hypothesis import strategies as st
from upstream_kit import HandClock, soon

from gateway.model.dialogue import ASKED, MESSAGE, PROGRESS
from gateway.tasks import Tasks
from gateway.upstream.answer import Unusable, parsed
from gateway.upstream.conversation import Conversation, Voices, rank
from gateway.upstream.deadline import Deadline
from gateway.wire import jsonrpc

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_methods = st.sampled_from([PROGRESS, MESSAGE, "notifications/cancelled", "ping", *ASKED, "tools/call", ""])
_params = st.fixed_dictionaries(
    {},
    optional={
        "progressToken": st.sampled_from(["1", "2", "3", 1, True, None]) | _json,
        "progress": st.integers(0, 5) | _json,
        "level": st.sampled_from(["debug", "warning", "emergency"]) | _json,
        "data": _json,
        "requestId": st.integers(0, 3) | _json,
    },
)
_frames = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0"), "method": _methods},
    optional={"id": st.integers(0, 3) | _json, "params": _params | _json},
)
_said = st.lists(st.tuples(_frames | _json, st.sampled_from([None, 0, 1])), max_size=12)


async def _hear(said, callers):
    """Two calls of one session that hear all of it; the answers the server got."""
    tasks, got, news = Tasks(), [], []

    async def say(message):
        got.append(message)

    voices = Voices("helpdesk", say, news.append, tasks)
    calls = [Conversation(caller, str(1 + own), Deadline(soon(), HandClock())) for own, caller in enumerate(callers)]
    for call in calls:
        voices.join(call)
    for message, of in said:
        frame = jsonrpc.classify(parsed(json.dumps(message).encode()))
        if isinstance(frame, jsonrpc.Request | jsonrpc.Notification):
            voices.hear(frame, None if of is None else calls[of])
        await asyncio.sleep(0)
    assert await tasks.drain(5) == 0
    for call in calls:
        voices.leave(call)
    assert not voices.busy
    assert not voices._answering
    return got


@settings(max_examples=150, deadline=None)
@given(_said)
def test_a_session_gives_everything_to_the_right_caller_or_to_nobody(said) -> None:
    callers = [
        Caller({"one": 1}, capabilities=FORM, progress_token="a", log_level="warning"),
        Caller({"two": 2}, capabilities={"roots": {}}, progress_token=7),
    ]
    try:
        got = asyncio.run(_hear(said, callers))
    except Unusable:
        return  # half of a surrogate pair: such a line is no message
    for caller, own in zip(callers, ("1", "2"), strict=True):
        assert {method for method, _ in caller.told} <= {PROGRESS, MESSAGE}
        for method, params in caller.told:
            if method == PROGRESS:
                assert params["progressToken"] == caller.progress_token
                assert any(
                    isinstance(one, dict) and (one.get("params") or {}) == {**params, "progressToken": own}
                    for one, _ in said
                )
            else:
                assert rank(params["level"]) >= rank("warning")
        assert all(ASKED[method] in caller.capabilities for method, _ in caller.asked)
    assert all(method == PROGRESS for method, _ in callers[1].told)
    for message in got:
        assert ("result" in message) != ("error" in message)
        assert message.get("result") in (None, {}, {"one": 1}, {"two": 2})
