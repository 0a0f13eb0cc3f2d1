"""A round that asks for input, and what came of one caller's answers, is never served again as the last good result."""

from dataclasses import replace

from pipeline_kit import Playbook, asks, text

from gateway.model.call import Reply
from gateway.model.outcome import Answered, Unsent
from gateway.model.refusal import Refusal
from gateway.model.tool import Effect, Fallback

ASKING = Answered({"resultType": "input_required", "inputRequests": {}, "requestState": "s"})


async def test_neither_is_kept() -> None:
    for asked, answer in ((asks(), ASKING), (replace(asks(), input_responses={"which": {}}), text("of the red one"))):
        made = Playbook(Effect.READ, answer)
        made.catalog.view_.tool = made.tool = replace(made.tool, fallback=Fallback(stale_s=60.0))
        assert isinstance(await made.heard(asked), Reply)
        made.upstream.answer = Unsent("it is away", cause="unreached")
        assert isinstance(await made.heard(asks()), Refusal)
