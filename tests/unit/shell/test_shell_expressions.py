"""Expressions of the configuration: what they may say, and that nothing they meet is ever a yes by accident."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.expressions import ACCEPT, FOUND, MAX_WEIGHT, TEMPLATE, faults, filled, holds

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "variables", "says"),
    [
        ("result.a ==", ACCEPT, "does not parse as CEL"),
        ("resul.a == 1", ACCEPT, "did you mean result?"),
        ("result.a == key", ACCEPT, "reads 'key', which is nothing here"),
        ("result.n", TEMPLATE, "reads 'result', which is nothing here"),
        ("sizeof(result.a) > 0", FOUND, "calls sizeof(), which does not exist"),
        ("result.a.exists(x, result.b.exists(y, x == y))", FOUND, "has a loop inside a loop"),
    ],
)
def test_a_bad_expression_says_what_is_wrong_and_what_to_write(text: str, variables: frozenset[str], says: str) -> None:
    assert any(says in fault for fault in faults(text, variables))


def test_a_good_expression_has_no_faults() -> None:
    assert faults("result.payments.exists(p, p.n == args.n && p.key == key)", FOUND) == []


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("result.missing == 1", {}),
        ("result.a > 1", {"a": "text"}),
        ("result.a / 0 == 1", {"a": 1}),
        ("result.a", {"a": 1}),
        ("result.a == 9223372036854775808.0", {"a": 2**63}),
        ("result.a.exists(x, x == 1)", {"a": [1] * (MAX_WEIGHT + 1)}),
    ],
)
def test_what_cannot_be_evaluated_is_unknown(text: str, result: Any) -> None:
    assert holds(text, result=result) is None


@given(JSON, JSON)
def test_nothing_an_upstream_says_raises(result: Any, args: Any) -> None:
    for text in ("result.a == args.a", "result == args", "size(result) > 0", "result.exists(x, x == args)"):
        assert holds(text, result=result, args=args) in {True, False, None}
    filled({"a": "args.a", "b": "result"}, args=args, result=result)


def test_arguments_are_filled_in_with_any_json() -> None:
    templates = {"n": "args.n", "all": "[args.n, 1]", "key": "key + '!'"}

    assert filled(templates, args={"n": {"x": [None]}}, key="ab") == {
        "n": {"x": [None]},
        "all": [{"x": [None]}, 1],
        "key": "ab!",
    }


@pytest.mark.parametrize(
    "text", ["args.missing", "args.nothing", "args.huge", "double('NaN')", "b'x'", "duration('1s')"]
)
def test_arguments_that_cannot_be_filled_in_are_not_filled_in_at_all(text: str) -> None:
    assert filled({"good": "key", "bad": text}, args={"nothing": None, "huge": 2**64}, key="k") is None
