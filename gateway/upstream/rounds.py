"""A call of several rounds: what a modern server asks is put to the caller, and the same request is made again with the
answers (MCP 2026-07-28, multi round-trip requests).

Lives only here: the loop and its bounds, for callers who cannot take an input-required result themselves. Must not know how
a request travels: every round is a request of its own, under a new id. Called by every kind of MCP upstream.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from gateway.model.dialogue import Unanswered
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried
from gateway.upstream.conversation import Conversation
from gateway.upstream.deadline import Deadline
from gateway.wire import jsonrpc

MOST_ROUNDS: Final = 10
_MOST_AT_ONCE: Final = 16

Send = Callable[[Outbound, Deadline], Awaitable[Carried]]


async def carried_through(call: Outbound, deadline: Deadline, send: Send) -> Carried:
    """Sends a call, and again with its caller's answers until the server has what it wants.

    A caller who gives none ends it: the server was not asked again, and waits for nothing (MRTR is stateless).
    """
    caller = Conversation(call.dialogue, "", deadline)
    asking = call
    for number in range(MOST_ROUNDS + 1):
        carried = await send(asking, deadline)
        if not (isinstance(carried, Answered) and carried.wants_input):
            return carried
        if number == MOST_ROUNDS:
            break
        try:
            asking = replace(asking, **await _next(caller, carried.result), idempotency_key=_key(call, number + 1))
        except Unanswered as unanswered:
            return AnsweredError(unanswered.code, unanswered.message)
    return AnsweredError(jsonrpc.INTERNAL_ERROR, f"The server wanted input more than {MOST_ROUNDS} times")


async def _next(caller: Conversation, result: Mapping[str, Any]) -> dict[str, Any]:
    """What the next round adds to the request. Raises Unanswered."""
    wanted, state = result.get("inputRequests", {}), result.get("requestState")
    if not isinstance(wanted, Mapping) or not isinstance(state, str | None) or (state is None and not wanted):
        raise Unanswered(jsonrpc.INTERNAL_ERROR, "The server wanted input but did not say which")
    if len(wanted) > _MOST_AT_ONCE:
        raise Unanswered(jsonrpc.INTERNAL_ERROR, f"The server wanted more than {_MOST_AT_ONCE} answers at once")
    return {"request_state": state, "input_responses": await _answers(caller, wanted) if wanted else None}


async def _answers(caller: Conversation, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """All are asked at the same time; the first that stays without an answer ends the others. Raises Unanswered."""
    try:
        async with asyncio.TaskGroup() as group:
            asked = {key: group.create_task(_answer(caller, one)) for key, one in wanted.items()}
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return {key: task.result() for key, task in asked.items()}


async def _answer(caller: Conversation, one: Any) -> Mapping[str, Any]:
    match one:
        case {"method": str(method), **rest} if isinstance(params := rest.get("params", {}), Mapping):
            return await caller.ask(method, params)
        case _:
            raise Unanswered(jsonrpc.INTERNAL_ERROR, "The server asked something that is no question")


def _key(call: Outbound, number: int) -> str | None:
    """A round is a request of its own: under the first one's key a server would only repeat its question."""
    return None if call.idempotency_key is None else f"{call.idempotency_key}-{number}"
