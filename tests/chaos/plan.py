"""What the agents mean to do: operations drawn from a seed, each one intended effect with its own arguments."""

import random
from dataclasses import dataclass, replace
from typing import Literal

Source = Literal["header", "meta", "derived", "once"]
PEOPLE = (("agent-a", "alice"), ("agent-a", "bob"), ("agent-b", "alice"), ("agent-b", "carol"))
"""Agents and the users behind them; their keys share a namespace with nobody."""
TOOLS = {"pay": 46, "bill": 18, "pay_probed": 14, "note": 14, "put": 8}
"""Shares in per cent. `bill` has a business key, `note` is of unset effect, `put` idempotent."""
TWINS = 0.04


@dataclass(frozen=True)
class Operation:
    """One intended effect."""

    name: str
    op: str
    """The argument by which the server counts. Two operations share it where they must be told apart by key or by person."""
    tool: str
    upstream: str
    source: Source
    key: str | None
    user: str
    """Stands in the arguments, so that an answer says for whom it was made."""
    people: tuple[int, ...]
    """Who may send it, as places in `PEOPLE`."""
    copies: int
    cents: int

    @property
    def arguments(self) -> dict[str, object]:
        return {"op": self.op, "user": self.user, "cents": self.cents}

    @property
    def published(self) -> str:
        return f"{self.upstream}_{self.tool}"


def planned(seed: int, number: int, *, keyless: bool = False) -> list[Operation]:
    """`keyless` means that nothing tells two calls apart or the same: no keys, no business keys, no twins."""
    draw = random.Random(f"plan {seed}")
    made: list[Operation] = []
    while len(made) < number:
        one = _drawn(draw, f"{seed}-{len(made)}", keyless=keyless)
        made.append(one)
        if one.tool == "pay" and one.key is not None and draw.random() < TWINS / 0.25:
            made.append(_twin(draw, one))
    return made[:number]


def _drawn(draw: random.Random, name: str, *, keyless: bool) -> Operation:
    (tool,) = draw.choices(list(TOOLS), weights=list(TOOLS.values()))
    source: Source = "once" if tool == "bill" else draw.choice(("header", "meta", "derived"))
    source = "derived" if keyless else source
    people = tuple(range(len(PEOPLE))) if source == "once" else (draw.randrange(len(PEOPLE)),)
    key = f"key-{name}" if source in {"header", "meta"} else None
    (copies,) = draw.choices((1, 2, 3), weights=(25, 50, 25))
    upstream = draw.choice(("till", "shop"))
    user = "/".join(PEOPLE[people[0]]) if len(people) == 1 else "anybody"
    cents = draw.randrange(1, 10_000)
    return Operation(name, f"op-{name}", tool, upstream, source, key, user, people, copies, cents)


def _twin(draw: random.Random, one: Operation) -> Operation:
    """The same call, argument by argument, meant by somebody else under the same key, or again under another key."""
    if draw.random() < 0.5:
        return replace(one, name=f"{one.name}-twin", key=f"{one.key}-again")
    return replace(one, name=f"{one.name}-twin", people=((one.people[0] + 1) % len(PEOPLE),))
