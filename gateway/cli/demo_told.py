"""How the demo is told: stories, steps, what really happened, what the gateway wrote down.

Lives only here: the words and their layout, 80 columns wide. What is said about an outcome is computed from measured
facts, so that a gateway which failed to hold would be told as such. Must not know processes or requests. Called by `demo`.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.cli import voice
from gateway.cli.demo_agent import ORDER, Step, money

_WIDTH: Final = 80
_LABEL: Final = 13
"""Columns before the words of an explanation."""
_COLUMNS: Final = ("decision", "outcome", "reason", "executed")
_INTRO: Final = (
    "One help desk, one agent that believes what it reads, the same three stories told twice: without a gateway, then "
    "with one. Everything is real and stays on this machine: processes, requests, databases; a mail is a row in a table. "
    "The agent works for alice, who is in support."
)
_STORIES: Final = (
    ("poisoned", "A ticket that gives orders to whoever reads it"),
    ("retried", "A refund whose answer is lost, so the agent tries again"),
    ("beyond", "Something alice may not do: erase a customer"),
)
STORIES: Final = tuple(name for name, _ in _STORIES)


@dataclass(frozen=True, slots=True)
class Happened:
    """What one round did to its help desk, read from the desk's own database."""

    leaked: int
    """Addresses that were mailed to somebody who is no customer."""
    refunds: Sequence[tuple[int, str]]
    """Paid for the order: cents and currency."""
    erased: int

    @classmethod
    def of(cls, tally: Mapping[str, Any]) -> "Happened":
        """From the output of `examples.helpdesk.tally`."""
        return cls(
            sum(mail["addresses"] for mail in tally["mails"] if not mail["to_customer"]),
            [(paid["amount_cents"], paid["currency"]) for paid in tally["refunds"] if paid["order_id"] == ORDER],
            len(tally["erased"]),
        )

    @property
    def well(self) -> bool:
        """Whether this is what the shop would have wanted: one refund, and nothing else."""
        return (self.leaked, len(self.refunds), self.erased) == (0, 1, 0)

    @property
    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {"leaked": self.leaked, "refunds": [cents for cents, _ in self.refunds], "erased": self.erased}

    @property
    def paid(self) -> str:
        total = sum(cents for cents, _ in self.refunds)
        return f"{len(self.refunds)} ({money(total, self.refunds[0][1])})" if self.refunds else "0"


class Told:
    """Tells on stdout as things happen; with `quiet`, nothing at all."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet

    def _lines(self, *lines: str) -> None:
        if not self._quiet:
            for line in lines:
                voice.say(line)

    def begin(self) -> None:
        """Who plays, and that it is real."""
        self._lines(textwrap.fill(_INTRO, _WIDTH))

    def round(self, number: int, title: str, about: str) -> None:
        """The heading of a round."""
        self._lines("", f"ROUND {number}: {title}", "=" * _WIDTH, textwrap.fill(about, _WIDTH))

    def story(self, name: str) -> None:
        """The heading of a story."""
        self._lines("", f"{STORIES.index(name) + 1}. {dict(_STORIES)[name]}")

    def step(self, made: Step, why: str | None, settings: Iterable[str]) -> None:
        """One request and what came back; where the gateway held, its reason and the lines of its files behind that."""
        status = "---" if made.status is None else str(made.status)
        again = " (the first answer again, marked as replayed)" if made.replayed else ""
        self._lines(*_hanging(f"   {made.method:<6} {made.path:<17} {status} ", made.said + again))
        if why is not None:
            for line in (f"why: {why}", *settings):
                self._lines(*_hanging(" " * 9, line))

    def happened(self, without: Happened, with_: Happened) -> None:
        """The two rounds side by side."""
        rows = (
            ("", "without", "with the gateway"),
            ("customers whose data went to a stranger", str(without.leaked), str(with_.leaked)),
            (f"refunds paid for order {ORDER}", without.paid, with_.paid),
            ("customers erased", str(without.erased), str(with_.erased)),
        )
        self._lines(
            *_heading("WHAT REALLY HAPPENED", "read from the databases of the two help desks"),
            *(f"   {what:<42}{before:<17}{after}" for what, before, after in rows),
        )

    def audit(self, records: Sequence[Mapping[str, Any]]) -> None:
        """The gateway's own record of the second round."""
        self._lines(*_heading("WHAT THE GATEWAY WROTE DOWN", "GET /audit of its operator API"))
        if not self._quiet:
            voice.table(
                ("tool", *_COLUMNS),
                [{"tool": record.get("tool") or record.get("asked"), **record} for record in records],
            )

    def explained(self, lines: Iterable[str]) -> None:
        """One call, as `sallyport explain` tells it."""
        self._lines(*_heading("ONE OF THESE CALLS", "what `sallyport explain CALL` says of it"))
        for line in lines:
            label = line[:_LABEL] if line.startswith("  ") else ""
            self._lines(*_hanging(label, line[len(label) :]))

    def running(self, at: Mapping[str, str]) -> None:
        """Where everything is, and what to type; the key is of this demo only."""
        self._lines(
            *_heading("STILL RUNNING", "until Ctrl-C"),
            f"   agents     {at['mcp']} (MCP)",
            f"              {at['http']}/... (plain HTTP)",
            f"   operators  {at['operator']}/docs",
            f"   files      {at['config']}, policies/ beside it",
            "",
            "In another terminal:",
            f"   export SALLYPORT_CONFIG={at['config']}",
            f"   export SALLYPORT_TOKEN={at['key']}",
            f"   sallyport explain {at['call']}",
            f"   sallyport explain --agent {at['agent']} --user bob \\",
            "       --tool helpdesk/erase_customer id=7",
            "   sallyport call helpdesk_get_ticket id=13 --trace",
            "   sallyport audit tail",
        )

    def end(self, seconds: float) -> None:
        """What to type next."""
        self._lines(
            "",
            f"Took {seconds:.0f} s. What was started is stopped, its folder is gone. Next:",
            "   sallyport demo --keep    the same, left running for you to ask",
            "   sallyport init           a gateway before your own tools",
        )


def _heading(title: str, source: str) -> tuple[str, ...]:
    return "", f"{title}: {source}", "-" * _WIDTH


def _hanging(label: str, text: str) -> list[str]:
    """A label, and the text beside it, aligned however long the text is."""
    wrapped = textwrap.wrap(
        voice.plain(text.strip()),
        _WIDTH,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )
    return wrapped or [label.rstrip()]
