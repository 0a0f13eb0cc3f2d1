"""Published names: safe characters, bounded length, no confusion between long ones."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.names import LONGEST, published, shown


@pytest.mark.parametrize(
    ("prefix", "tool", "name"),
    [
        ("helpdesk", "helpdesk/refund", "helpdesk_refund"),
        ("", "helpdesk/refund", "refund"),
        ("hd", "helpdesk/orders.list", "hd_orders_list"),
        ("hd", "helpdesk/größe/neu", "hd_gr__e_neu"),
    ],
)
def test_a_published_name_is_the_prefix_and_the_tool(prefix, tool, name):
    assert published(prefix, tool) == name


def test_a_name_of_46_characters_stays_and_one_of_47_is_cut_to_46_with_a_hash():
    whole, cut = published("p", "u/" + "x" * 44), published("p", "u/" + "x" * 45)
    assert whole == "p_" + "x" * 44
    assert len(cut) == 46
    assert re.fullmatch(r"p_x{37}_[0-9a-f]{6}", cut)


def test_long_names_that_differ_only_at_the_end_stay_different():
    assert published("p", "u/" + "x" * 60 + "a") != published("p", "u/" + "x" * 60 + "b")


@settings(max_examples=100)
@given(st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True) | st.just(""), st.text(min_size=1, max_size=128))
def test_every_published_name_is_one_that_model_interfaces_accept(prefix, tool):
    assert re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST}}}", published(prefix, f"up/{tool}"))


def test_a_foreign_name_is_quoted_as_short_printable_ascii():
    assert shown("ok\x1b[31m\u202e" + "x" * 100) == "ok?[31m?" + "x" * 56
