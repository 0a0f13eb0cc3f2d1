"""Globs of canonical ids: a star stays in its segment, two stars at the end take any rest, and time is linear in the name."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.globs import matches, misplaced


@pytest.mark.parametrize(
    ("pattern", "name", "answer"),
    [
        ("helpdesk/*", "helpdesk/refund", True),
        ("helpdesk/*", "helpdesk/files/read", False),
        ("helpdesk/get_*", "helpdesk/get_order", True),
        ("helpdesk/get_*", "helpdesk/forget_order", False),
        ("*/delete_*", "crm/delete_all", True),
        ("helpdesk/a.b", "helpdesk/axb", False),
        ("helpdesk/aa*aa", "helpdesk/aaa", False),
        ("helpdesk/refund", "helpdesk/refund\n", False),
        ("helpdesk/**", "helpdesk/a", True),
        ("helpdesk/**", "helpdesk/", True),
        ("helpdesk/**", "helpdesk", False),
        ("helpdesk/**", "crm/a", False),
        ("*/**", "wiki/file:///docs/a", True),
        ("wiki/file:///docs/**", "wiki/file:///docs/a/b\n?x=/", True),
        ("wiki/file:///docs/**", "wiki/file:///docsa", False),
        ("wiki/file:///*/**", "wiki/file:///docs", False),
    ],
)
def test_one_star_stays_in_its_segment_and_two_at_the_end_take_the_rest(pattern, name, answer):
    assert matches(pattern, name) is answer


def said_otherwise(pattern):
    """The regular expression a glob stands for."""
    head, slash, last = pattern.rpartition("/")
    stars = "[^/]*".join(map(re.escape, (head if slash and last == "**" else pattern).split("*")))
    return f"{stars}/.*" if slash and last == "**" else stars


@settings(max_examples=300)
@given(
    st.text("ab*/", max_size=8) | st.text("ab*/", max_size=6).map(lambda one: one + "/**"), st.text("ab/", max_size=8)
)
def test_globs_answer_as_the_regular_expression_they_stand_for_would(pattern, name):
    expected = re.fullmatch(said_otherwise(pattern), name, re.DOTALL) is not None
    assert matches(pattern, name) is expected


@pytest.mark.parametrize("pattern", ["u/*a*a*a*a*a*a*b", "u/" + "*a" * 40 + "/b", "u/*/*/*/*x/**"])
@pytest.mark.parametrize("name", ["u/" + "a" * 100_000, "u/" + "a/" * 100_000])
def test_a_name_made_to_be_slow_costs_no_more_than_its_length(pattern, name):
    assert matches(pattern, name) is False


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        ("u/**", False),
        ("u/a/**", False),
        ("u/*", False),
        ("**", True),
        ("**/a", True),
        ("u/a**", True),
        ("u/**/a", True),
    ],
)
def test_two_stars_belong_at_the_end(pattern, answer):
    assert misplaced(pattern) is answer
