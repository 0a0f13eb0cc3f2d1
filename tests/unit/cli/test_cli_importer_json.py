"""JSON with comments and trailing commas: read as meant, and an error stands where the file has it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.importer_json import Unreadable, loads, read
from gateway.wire.strict_json import MalformedJson


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, // one\n "b": [2, 3,], /* two\n lines */ }', {"a": 1, "b": [2, 3]}),
        ('{"url": "http://x/*y*/", "b": "a\\", // b,]",}', {"url": "http://x/*y*/", "b": 'a", // b,]'}),
        ('\ufeff// head\n{"a": ",}"}', {"a": ",}"}),
        ('{"a": [1 /* x */ , // y\n ] , }', {"a": [1]}),
    ],
)
def test_comments_and_trailing_commas_mean_nothing(text: str, value: Any) -> None:
    assert loads(text.encode()) == value


def test_an_error_names_the_line_and_column_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{\n  // a comment, with a comma\n  "a": 1,\n  "b": 2 "c": 3\n}')
    with pytest.raises(Unreadable, match=r"mcp\.json: not JSON: .* at line 4 column 10"):
        read(path)


@pytest.mark.parametrize("text", ["[1,,]", '{"a": 1 /* open }', "{'a': 1}", '{"a": 1, "a": 2}', "[NaN]", ""])
def test_nothing_else_is_forgiven(text: str) -> None:
    with pytest.raises(MalformedJson):
        loads(text.encode())


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"none\.json: No such file"):
        read(tmp_path / "none.json")


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='ab"\\/*,]}\n ', max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='/*,"a', max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(max_examples=150, deadline=None)
@given(document=documents, indent=st.sampled_from([None, 1]))
def test_plain_json_reads_as_itself(document: Any, indent: int | None) -> None:
    assert loads(json.dumps(document, indent=indent).encode()) == document
