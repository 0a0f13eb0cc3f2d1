"""A resilient upstream over a scripted one, both on one clock that a test moves."""

from contextlib import nullcontext

from upstream_kit import OK, HandClock, outbound, tool

from gateway.config.upstreams import McpHttp
from gateway.model.outbound import Outbound
from gateway.model.outcome import Answered, AnsweredError, Carried, Lost, Unsent
from gateway.model.tool import Effect
from gateway.ports import UpstreamFault
from gateway.upstream.resilient import Resilient

READ, IDEMPOTENT, MUTATING, UNSET = Effect.READ, Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET
DONE, ERROR, LOST = Answered(OK), AnsweredError(-32603, "no"), Lost("reset")
UNREACHED, AWAY = Unsent("no connection", cause="unreached"), Unsent("HTTP 401", cause="never")
LATE = Lost("no answer in time", timed_out=True)


class Scripted:
    """An upstream whose sends end as they are told to, each after `takes_s` of its clock."""

    id, address = "helpdesk", "http://desk/mcp"

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.ends: list[Carried | BaseException] = []
        self.otherwise: Carried = DONE
        self.sent: list[Outbound] = []
        self.takes_s = 0.0
        self.lists = True

    def try_permit(self, agent):
        return nullcontext()

    async def permit(self, deadline, agent):
        return nullcontext()

    async def send(self, call, deadline):
        self.sent.append(call)
        self.clock.pass_s(self.takes_s)
        end = self.ends.pop(0) if self.ends else self.otherwise
        if isinstance(end, BaseException):
            raise end
        return end

    async def list_tools(self, deadline):
        if not self.lists:
            raise UpstreamFault("Upstream helpdesk did not list its tools: reset.")
        return [{"name": "refund"}]

    async def close(self):
        self.sent.clear()


class Stage:
    """A resilient upstream over a scripted one, both on one clock that a test moves."""

    def __init__(self, *ends: Carried | BaseException, **settings) -> None:
        self.clock = HandClock()
        self.inner = Scripted(self.clock)
        self.inner.ends = list(ends)
        self.slept: list[float] = []
        config = McpHttp(kind="mcp-http", url="http://desk/mcp", **settings)
        self.upstream = Resilient(self.inner, config, self.clock, lambda: 0.5, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_s(seconds)

    async def send(self, effect: Effect = READ, name: str = "ticket_get", *, within_s: float = 10.0, **more) -> Carried:
        call = outbound(tool=tool(name, effect=effect), **more)
        return await self.upstream.send(call, self.clock.monotonic() + within_s)

    async def fail(self, times: int, end: Carried = LOST, **more) -> None:
        for _ in range(times):
            self.inner.ends.append(end)
            await self.send(UNSET if end is not UNREACHED else READ, attempt=1, **more)
