"""URIs that say what they mean, and templates read backwards in linear time."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.catalog.uris import LONGEST, expression, plain, usable


@pytest.mark.parametrize("text", ["file:///a", "x", "größe://ü", "a://{b}", "x" * LONGEST])
def test_an_upstream_may_list_what_can_be_read(text):
    assert usable(text)


@pytest.mark.parametrize(
    "text", ["", None, 7, ["a"], "a b", "a\tb", "a\x1b[31m", "a\u202eb", "a\u200bb", "x" * (LONGEST + 1)]
)
def test_an_upstream_may_not_list_what_hides_something(text):
    assert not usable(text)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///docs/a.md",
        "test://static-text",
        "a:b",
        "wiki+x://h/%C3%BC?q=a..b#c",
        "db://t/..x/x..",
        "a://b/%20c",
        "a://b?x=.&y=//z",
        "fetch://https://a/b",
        "file:///.hidden/a.",
    ],
)
def test_a_uri_that_says_what_it_means(uri):
    assert plain(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///docs/../etc/passwd",
        "file:///docs/..",
        "file:///docs/..?x",
        "file:///docs/%2e%2e/etc",
        "file:///docs/.%2E/etc",
        "file:///docs/%252e%252e/etc",
        "file:///docs%2F..%2Fetc",
        "file:///docs\\..\\etc",
        "file:///a?path=../etc",
        "file:///docs/./a",
        "file:///docs/.",
        "file:///docs//a",
        "file:////docs/a",
        "file:///docs\\a",
        "file:///docs%2Fa",
        "file:///docs%5ca",
        "file:///docs%252fa",
        "file:///%2564ocs/a",
        "file:///%64ocs/a",
        "file:///a%7Eb",
        "file:///a%5fb",
        "FILE:///docs/a",
        "docs/a",
        "/etc/passwd",
        "a b://c",
        "",
    ],
)
def test_a_uri_that_could_be_another_one_to_its_upstream_than_to_a_pattern(uri):
    assert not plain(uri)


@pytest.mark.parametrize("char", [chr(code) for code in range(0x21, 0x7F)])
def test_only_what_needs_no_encoding_and_slashes_may_not_be_encoded(char):
    unreserved = re.fullmatch(r"[A-Za-z0-9._~/\\-]", char) is not None
    assert plain(f"a://x%{ord(char):02X}x") is not unreserved
    assert plain(f"a://x%{ord(char):02x}x") is not unreserved


@pytest.mark.parametrize(
    ("template", "uri", "answer"),
    [
        ("test://template/{id}/data", "test://template/123/data", True),
        ("test://template/{id}/data", "test://template/1/2/data", False),
        ("test://template/{id}/data", "test://template//data", False),
        ("test://template/{id}/data", "test://template/1/data/more", False),
        ("test://template/{id}", "test://template/1?x=2", False),
        ("test://template/{id}", "test://template/1#x", False),
        ("a://{x}-{y}.md", "a://1-2-3.md", True),
        ("a://{x}-{y}.md", "a://1-.md", False),
        ("file:///{+path}", "file:///a/b?c#d", True),
        ("file:///{+path}", "file:///", False),
        ("file:///{+path}.md", "file:///a/b.txt", False),
        ("a://b{#part}", "a://b#c/d", True),
        ("a://b{#part}", "a://bc", False),
        ("a.b://(c)*{x}", "a.b://(c)*1", True),
        ("a.b://(c)*{x}", "aXb://(c)*1", False),
        ("a://b", "a://b", True),
        ("a://größe/{x}", "a://größe/ü", True),
        ("a://{x}", "a://1\n", True),
    ],
)
def test_a_template_covers_what_it_expands_to(template, uri, answer):
    pattern = expression(template)
    assert (pattern.fullmatch(uri) is not None) is answer


@pytest.mark.parametrize(
    "template",
    [
        "a://" + "{x}/" * 17,
        "a://{?q}",
        "a://{/x}",
        "a://{x,y}",
        "a://{x*}",
        "a://{x:3}",
        "a://{}",
        "a://{x",
        "a://x}",
        "a://{{x}}",
    ],
)
def test_a_template_beyond_level_two_or_all_reason_covers_nothing(template):
    assert expression(template) is None


NAMES = st.text("abcxyz_09", min_size=1, max_size=4)
LITERALS = st.text("ab/-.:?#(*[ü", max_size=6)
VALUES = st.text("ab/?#é .-~", min_size=1, max_size=6)


@settings(max_examples=200)
@given(LITERALS, st.lists(st.tuples(st.sampled_from(["", "+", "#"]), NAMES, VALUES, LITERALS), max_size=4))
def test_every_expansion_of_a_template_is_covered_by_it(first, parts):
    template, uri = first, first
    for operator, name, value, literal in parts:
        template += f"{{{operator}{name}}}{literal}"
        kept = quote(value, safe="~" if not operator else "/?#~")
        uri += ("#" if operator == "#" else "") + kept + literal
    assert expression(template).fullmatch(uri) is not None


@pytest.mark.parametrize("template", ["{a}" * 16 + "/b", "{+a}a" * 16 + "b", "{a}a{+b}a{c}a" * 5 + "{d}!"])
def test_a_template_made_to_be_slow_costs_no_more_than_the_uri_is_long(template):
    assert expression(template).fullmatch("a" * 200_000) is None
