"""The labelled traces are what their generator writes, and every one of them can be played."""

import json

import pytest

from tests.loops import make_traces


@pytest.mark.parametrize("file", make_traces.FILES)
def test_the_file_holds_what_the_generator_writes(file):
    assert (make_traces.HOME / file).read_text(encoding="utf-8") == make_traces.text(file)


def test_every_trace_has_a_name_of_its_own_a_reason_and_calls_in_order():
    traces = [json.loads(line) for file in make_traces.FILES for line in make_traces.text(file).splitlines()]

    assert len({trace["name"] for trace in traces}) == len(traces)
    for trace in traces:
        moments = [call["at"] for call in trace["calls"]]
        assert trace["why"].endswith(".") and moments == sorted(moments) and len(moments) > 4, trace["name"]


@pytest.mark.parametrize(("file", "kind"), [("loops.jsonl", "loop"), ("honest.jsonl", "honest")])
def test_there_are_at_least_a_hundred_and_twenty_of_each_kind(file, kind):
    kinds = [trace.kind for trace in make_traces.traces(file)]

    assert len(kinds) >= 120 and set(kinds) == {kind}
