"""The judge of a storm: what really happened, what was told and what was recorded, held against the promise.

Pure: a plan, the answers, ground truth, journals and blows in; a verdict out. What nobody was ever told stays undecided and
is no fault by itself; in peace every such operation was asked about once more.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.chaos.books import Blow, stamp
from tests.chaos.doubts import Evidence, causes
from tests.chaos.plan import Operation
from tests.chaos.repeats import Ended, crossed, delivered, open_to_repeats
from tests.chaos.told import Told

Line = dict[str, Any]


@dataclass
class History:
    """Everything that is known of a storm."""

    plan: Sequence[Operation]
    told: Sequence[Told]
    truth: Sequence[Line]
    books: Sequence[Line]
    """Entries of all journals, each with `gateway`."""
    blows: Sequence[Blow] = ()
    closed_after_s: float = 0.0


@dataclass
class Verdict:
    """Violations by name, and the figures."""

    violations: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in PROMISES})
    figures: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not any(self.violations.values())


PROMISES = {
    "duplicate": "effects beyond the first",
    "phantom": "effects nobody asked for",
    "crosstalk": "answers that belong to somebody or something else",
    "unstable": "operations with two different answers",
    "lie": "operations told `executed: no` although they were carried out",
    "hollow": "successes told without an effect",
    "mismatch": "other arguments accepted under a used key",
    "defect": "answers no agent should see",
    "lost-intent": "effects without an intent before them",
    "lost-end": "intents without exactly one end",
    "lost-record": "answers whose call the journals do not know as it was told",
    "unjustified": "doubts although nothing hid the answer",
    "undecided": "operations nobody learned the end of, asked again in peace",
    "unclosed": "intents still open 30 s after the storm",
}


def judged(history: History) -> Verdict:
    """The whole verdict."""
    verdict, judge = Verdict(), _Judge(history)
    for name, found in judge.violations():
        verdict.violations[name].append(found)
    verdict.figures = judge.figures()
    return verdict


class _Judge:
    """A history, sorted by operation."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._crossed = 0
        self._operations: dict[str, list[Operation]] = defaultdict(list)
        """By what the server calls them."""
        for one in history.plan:
            self._operations[one.op].append(one)
        self._told: dict[str, list[Told]] = defaultdict(list)
        for told in sorted(history.told, key=lambda told: told.ended):
            self._told[told.operation].append(told)
        self._truth: dict[str, list[Line]] = defaultdict(list)
        self._effects: dict[str, list[Line]] = defaultdict(list)
        arrivals = {line["n"]: line for line in history.truth if line["what"] == "arrived"}
        for line in history.truth:
            self._truth[line["op"]].append(line)
            if line["what"] == "effect":
                arrived = arrivals[line["n"]]
                self._effects[line["op"]].append({**line, "arrived": arrived["at"], "key": arrived["key"]})
        self._intents: dict[str, list[Line]] = defaultdict(list)
        self._ends: dict[str, list[Line]] = defaultdict(list)
        self._resolved: dict[str, list[Line]] = defaultdict(list)
        for entry in history.books:
            if entry["kind"] == "intent":
                self._intents[entry["arguments"].get("op", "")].append({**entry, "at": stamp(entry)})
            elif entry["kind"] == "resolved":
                self._resolved[entry["call"]].append(entry)
            elif "outcome" in entry and "call" in entry:
                self._ends[entry["call"]].append(entry)

    def violations(self) -> Iterator[tuple[str, str]]:
        for op, effects in self._effects.items():
            yield from self._of_effects(op, effects)
        for op, operations in self._operations.items():
            receipts: Counter[str] = Counter()
            for one in operations:
                yield from self._of_answers(one)
                receipts.update({told.answer[3] for told in self._answers(one) if told.answer and told.answer[3]})
            for receipt, owners in receipts.items():
                if owners > 1:
                    yield "crosstalk", f"{op}: {receipt} was told to {owners} operations"
            yield from self._of_doubts(op, operations)
        yield from self._of_records()
        if self._history.closed_after_s > 30:
            yield "unclosed", "intents of the storm stay open"

    def _of_effects(self, op: str, effects: list[Line]) -> Iterator[tuple[str, str]]:
        operations = self._operations.get(op, [])
        if not any(self._told[one.name] for one in operations):
            yield "phantom", f"{op}: an effect of what nobody sent"
            return
        one = operations[0]
        for effect in effects:
            if effect["arguments"] == {**one.arguments, "cents": one.cents + 1}:
                yield "mismatch", f"{op}: the other arguments were carried out"
            elif effect["arguments"] != one.arguments or effect["tool"] != one.tool:
                yield "phantom", f"{op}: carried out with {effect['arguments']} by {effect['tool']}"
            if not any(_before(intent, effect) for intent in self._intents[op]):
                yield "lost-intent", f"{op}: {effect['receipt']} has no intent before it"
        if one.tool == "put":
            return
        unexcused = [late for early, late in pairwise(effects) if not self._meant(one, early, late)]
        keys = Counter(effect["key"] for effect in effects if effect["key"])
        twice = [key for key, number in keys.items() if number > 1] if not open_to_repeats(one) else []
        if len(unexcused) > len(operations) - 1 or twice:
            yield "duplicate", f"{op} ({one.tool}, {one.source}): {[effect['receipt'] for effect in effects]} {twice}"

    def _meant(self, one: Operation, early: Line, late: Line) -> bool:
        told = self._told[one.name]
        if not open_to_repeats(one) or delivered(early, late, told):
            return open_to_repeats(one)
        if found := crossed(early, told, self._calls(one.op)):
            self._crossed += 1
        return found

    def _answers(self, one: Operation) -> list[Told]:
        return [told for told in self._told[one.name] if told.said == "success"]

    def _of_answers(self, one: Operation) -> Iterator[tuple[str, str]]:
        effects = {effect["receipt"] for effect in self._effects[one.op]}
        receipts = set()
        for told in self._told[one.name]:
            if told.said == "tool-error" or told.reason == "internal" or told.reason.startswith("http-5"):
                yield "defect", f"{one.name}: {told.said} {told.reason} {told.call_id}"
        for told in self._answers(one):
            op, user, cents, receipt = told.answer or ("", "", 0, "")
            if told.mismatched:
                yield "mismatch", f"{one.name}: other arguments were answered in call {told.call_id}"
            elif (
                not receipt and one.tool == "pay_probed" and op == one.op
            ):  # the probe's answer stands for the lost one
                if not effects:
                    yield "hollow", f"{one.name}: reconstructed in call {told.call_id} without an effect"
            elif (op, user, cents) != (one.op, one.user, one.cents):
                yield "crosstalk", f"{one.name}: was answered {told.answer} in call {told.call_id}"
            elif receipt not in effects:
                yield "hollow", f"{one.name}: {receipt} was never given, call {told.call_id}"
            if receipt:
                receipts.add(receipt)
        if len(receipts) > 1 and one.tool != "put" and not open_to_repeats(one):
            yield "unstable", f"{one.name} ({one.tool}, {one.source}): {sorted(receipts)}"
        if not self._answers(one):
            yield from self._of_silence(one, effects)

    def _of_silence(self, one: Operation, effects: set[str]) -> Iterator[tuple[str, str]]:
        """Nobody has the answer: then the last word must be true."""
        told = [told for told in self._told[one.name] if not told.mismatched]
        if told and all(each.executed == "no" and each.final for each in told):
            last = "no"
        else:
            last = told[-1].executed if told and told[-1].said == "refused" and told[-1].final else ""
        if last == "no" and len(effects) >= len(self._operations[one.op]):
            yield "lie", f"{one.name}: {told[-1].reason} in call {told[-1].call_id}, and it was carried out"
        if last == "":
            yield "undecided", f"{one.name}: {told[-1].said} {told[-1].reason} at the end" if told else one.name

    def _of_doubts(self, op: str, operations: Sequence[Operation]) -> Iterator[tuple[str, str]]:
        doubted = [told for one in operations for told in self._told[one.name] if told.reason == "outcome-unknown"]
        calls = {intent["call"] for intent in self._intents[op]}
        in_doubt = [call for call in calls if any(end["outcome"] == "in-doubt" for end in self._ends[call])]
        if (doubted or in_doubt) and self._cause(op) is None:
            known = sorted({told.call_id for told in doubted} | set(in_doubt))
            yield "unjustified", f"{op} ({operations[0].tool}): calls {known}"

    def _cause(self, op: str) -> str | None:
        told = [told for one in self._operations[op] for told in self._told[one.name]]
        return next(causes(Evidence(self._truth[op], self._calls(op), told, self._history.blows)), None)

    def _calls(self, op: str) -> list[Ended]:
        """With an intent; one that a death left open was open until somebody ended it."""
        return [
            Ended(intent["gateway"], intent["at"], stamp(end))
            for intent in self._intents[op]
            for end in self._ends[intent["call"]]
        ]

    def _of_records(self) -> Iterator[tuple[str, str]]:
        for op, intents in self._intents.items():
            for intent in intents:
                if (ends := len(self._ends[intent["call"]])) != 1:
                    yield "lost-end", f"{op}: call {intent['call']} has {ends} ends"
        for call, ends in self._ends.items():
            if len(ends) > 1 and all(end["kind"] == "call" for end in ends):
                yield "lost-end", f"call {call} has {len(ends)} ends"
        for told in self._history.told:
            known = [*self._ends[told.call_id], *self._resolved[told.call_id]]
            if told.call_id and not any(_agrees(told, entry) for entry in known):
                ends = [(end["outcome"], end.get("reason")) for end in self._ends[told.call_id]]
                yield "lost-record", f"{told.operation}: {told.said} {told.reason} in call {told.call_id}: {ends}"

    def figures(self) -> dict[str, float]:
        plan, told = self._history.plan, self._history.told
        left = [one for one in plan if not self._answers(one) and self._last(one) == "unknown"]
        probed = [one for one in plan if one.tool == "pay_probed"]
        why = Counter(self._cause(one.op) for one in left)
        return {
            "operations": len(plan),
            "attempts": len(told),
            "arrivals": sum(line["what"] == "arrived" for line in self._history.truth),
            "effects": sum(map(len, self._effects.values())),
            "succeeded": sum(bool(self._answers(one)) for one in plan),
            "replayed": sum(each.replayed for each in told),
            "broken": sum(each.said == "broken" for each in told),
            "faults": sum(line.get("fault", "none") != "none" for line in self._history.truth),
            **{blow: sum(one.what == blow for one in self._history.blows) for blow in ("kill", "term", "pause")},
            "store pauses": sum(one.what.startswith("store") for one in self._history.blows),
            "in doubt": len(left),
            "in doubt %": round(100 * len(left) / len(plan), 2),
            "in doubt probed %": round(100 * sum(one in left for one in probed) / max(1, len(probed)), 2),
            **{f"doubt by {cause}": number for cause, number in why.items()},
            "keyless repeats": self._crossed,
            "closed after s": round(self._history.closed_after_s, 1),
        }

    def _last(self, one: Operation) -> str:
        words = [told.executed for told in self._told[one.name] if told.said == "refused" and not told.mismatched]
        return words[-1] if words else ""


def _before(intent: Line, effect: Line) -> bool:
    """Whether this intent is one under which the server was asked: the key it got is the name of the record.

    A derived record serves one call after another, so its name is no key for the server; and it has no twins here.
    """
    named = effect["key"] in {intent["key"]["record"], None}
    return intent["at"] <= effect["arrived"] and (named or intent["key"]["source"] == "derived")


def _agrees(told: Told, end: Line) -> bool:
    """Whether this entry is what the agent was told. What a probe found out is told by an entry of its own."""
    if end["kind"] == "resolved":
        return (
            told.said == "success" and end["resolved"] == "executed" and told.answer is not None and not told.answer[3]
        )
    if told.said == "success":
        return end["outcome"] in {"answered", "replayed"}
    return told.said != "refused" or end.get("reason") == told.reason
