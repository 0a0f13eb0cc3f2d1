"""The servers behind us, for the life of one process: made, listed, followed and closed.

Lives only here: that every configured upstream has its leg and its learner. Constructs, like `app.py`, which holds it. Must
not know calls, agents or who listens for news.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.catalog.room import Curation
from gateway.config.globs import matches
from gateway.config.schema import Config
from gateway.learner import Learner, first_lists
from gateway.model.news import Hear
from gateway.ports import Clock, Reached
from gateway.tasks import Tasks
from gateway.upstream.make import make_upstream
from gateway.upstream.openapi_match import HttpRoutes
from gateway.upstream.resilient import Resilient

_FIRST_LISTS_S: Final = 3.0


class Servers:
    """All upstreams of one process."""

    def __init__(
        self, config: Config, base: Path, clock: Clock, reached: Reached, catalog: Curation, tasks: Tasks, hear: Hear
    ) -> None:
        """`hear` takes what they say on their own; `tasks` keep what goes on beside the calls."""
        self.routes = HttpRoutes()
        """Of those that are plain HTTP services."""
        self.upstreams = {
            name: Resilient(
                make_upstream(name, section, clock, tasks, reached, base, self.routes, shared=_users(config, name) > 1),
                section,
                clock,
            )
            for name, section in config.upstreams.items()
        }
        self.learners = [
            Learner(
                upstream,
                catalog,
                config.upstreams[name].refresh.total_seconds(),
                clock,
                hear,
                beside=catalog.wants_beside(name),
            )
            for name, upstream in self.upstreams.items()
        ]
        for learner in self.learners:
            self.upstreams[learner.upstream.id].opened = learner.look
        self._tasks = tasks

    async def open(self) -> None:
        """Begins to read their lists, and waits a little for the first ones."""
        for learner in self.learners:
            self._tasks.start(learner.run(), f"list-{learner.upstream.id}")
            self._tasks.start(learner.follow(), f"follow-{learner.upstream.id}")
        await first_lists(self.learners, _FIRST_LISTS_S)

    def want(self, wanted: Mapping[str, frozenset[str]]) -> None:
        """Tells each of them which of its resources agents wait for."""
        for name, upstream in self.upstreams.items():
            upstream.want(wanted.get(name, frozenset()))

    async def close(self) -> None:
        """Ends their connections, all at once: each may take as long as its server lets it."""
        await asyncio.gather(*(upstream.close() for upstream in self.upstreams.values()), return_exceptions=True)


def _users(config: Config, upstream: str) -> int:
    """How many agents may see anything of it."""
    seen = ((*agent.tools, *agent.prompts, *agent.resources) for agent in config.agents.values())
    return sum(any(matches(glob.split("/")[0], upstream) for glob in globs) for globs in seen)
