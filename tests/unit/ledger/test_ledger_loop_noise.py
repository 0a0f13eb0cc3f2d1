"""Which ids of an answer say nothing, and which are what was asked for."""

from itertools import pairwise
from string import ascii_letters, digits
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.loop_noise import names_request, without_noise

HEX, BASE62 = "0123456789abcdef", digits + ascii_letters
SHORT = st.text(HEX, min_size=6, max_size=15) | st.text(BASE62, min_size=6, max_size=15)
LONG = st.uuids().map(str) | st.text(HEX, min_size=24, max_size=40) | st.text(BASE62, min_size=40, max_size=60)


def telling(word: str) -> bool:
    """With a digit in it nothing that was chosen at random passes for a word."""
    return any(letter.isdigit() for letter in word)


def turning(word: str) -> bool:
    return (
        sum(one.isalnum() and other.isalnum() and one.isdigit() != other.isdigit() for one, other in pairwise(word)) > 2
    )


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize(
    "said",
    ["[req={}]", "(request {} failed)", "Request-ID: {}", 'request_id="{}"', "trace={}", "X-Correlation-Id: {}",
     "span: {}", "nonce {}", "req_{}", "(id: {})", "Ray ID: {}", "message_id={}", "ref {}"],
)  # fmt: skip
@given(word=SHORT.filter(telling) | LONG.filter(telling))
def test_an_id_that_is_called_one_is_noise_whatever_its_shape(said: str, word: str, counts: bool) -> None:
    assert without_noise(said.format(word), counts=counts) == without_noise(said.format("0a1b2c3d"), counts=counts)


@given(LONG.filter(turning))
def test_a_long_id_is_noise_without_being_called_one(word: str) -> None:
    assert without_noise(f"no hits ({word})", counts=True) == "no hits ()"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HEAD is at a1b2c3d", "HEAD is at b2c3d4e"),
        ("Next is AB12CD34", "Next is XY56ZW78"),
        ("version v1.31.2", "version v1.31.3"),
        ("api v1beta1", "api v2beta1"),
        ("Balance: 10423 EUR", "Balance: 10424 EUR"),
        ("build #12 is running", "build #13 is running"),
        ("Next request: R-2041", "Next request: R-2042"),
        ("the request was approved", "the request was declined"),
        ("incident-report-2026-03-final", "incident-report-2026-04-final"),
        ("/src/test_login_page_12.py", "/src/test_login_page_13.py"),
    ],
)
def test_what_a_read_was_asked_for_is_news(one: str, other: str) -> None:
    assert without_noise(one, counts=True) != without_noise(other, counts=True)


@given(st.lists(st.uuids(), min_size=6, max_size=6, unique=True))
def test_an_answer_that_names_many_things_is_a_list_of_them(names: list[object]) -> None:
    pages = ["\n".join(f"{name},open" for name in page) for page in (names[:3], names[3:])]
    assert without_noise(pages[0], counts=True) != without_noise(pages[1], counts=True)
    assert without_noise(pages[0], counts=False) == without_noise(pages[1], counts=False)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Sent as 8f3a2b.", "Sent as 77c0de."), ("Made K7Q2M9XA", "Made P3R8T1ZB"), ("Row 12 of 40", "Row 13 of 40")],
)
def test_what_a_call_made_is_no_news_of_it(one: str, other: str) -> None:
    assert without_noise(one, counts=False) == without_noise(other, counts=False)
    assert without_noise(one, counts=True) != without_noise(other, counts=True)


def test_what_a_call_took_from_a_queue_is() -> None:
    assert without_noise("AB12CD34", counts=False) != without_noise("XY56ZW78", counts=False)


@pytest.mark.parametrize(
    ("name", "value", "noise"),
    [
        ("req", "8f3a2b", True),
        ("Trace", "K7Q2M9XA", True),
        ("request", "please refund me", False),
        ("request", "approved", False),
        ("request", "8f3a2b was approved", False),
        ("order", "8f3a2b", False),
    ],
)
def test_a_member_is_noise_where_it_names_the_request_and_says_nothing_else(name: str, value: str, noise: bool) -> None:
    assert names_request(name, value) is noise


@pytest.mark.parametrize("piece", ["req=", "req_a1-", "a-", "a1-", "id: ", "1", "request ", "trace-id-"])
def test_a_text_of_a_server_that_means_ill_costs_no_more_than_its_length(piece: str) -> None:
    begun = perf_counter()
    without_noise(piece * (200_000 // len(piece)), counts=True)
    assert perf_counter() - begun < 5  # a fraction of a second; its square would be hours
