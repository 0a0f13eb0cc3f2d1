"""The second look: check digits, randomness and telling names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sanitize import checks, names


@given(st.text("0123456789", min_size=1, max_size=18), st.integers(1, 9))
def test_luhn_notices_every_single_wrong_digit(digits, error):
    body = digits.encode()
    number = next(body + b"%d" % digit for digit in range(10) if checks.luhn(body + b"%d" % digit))
    spoiled = b"%d" % ((number[0] - 48 + error) % 10) + number[1:]
    assert not checks.luhn(spoiled)


@pytest.mark.parametrize(
    "value", ["S0mmer!2024", "8f3a" * 2 + "c01d9e77", "q8Zr-77yP_0aLm4", "743b294a-cd03-11ec-9d64-0242ac120002"]
)
def test_values_nobody_writes_as_words_look_random(value):
    assert checks.looks_random(value)


@pytest.mark.parametrize(
    "value",
    ["short1", "correcthorsebattery", "config.auth.token2", "get_token_v2", "AUTH_TOKEN_1", "https://x.example/1", "./a1b2c3d4e5",
     "2024-11-21T10:00:00Z", "1.25.3", "12345678e9", "${TOKEN_1234}", "your-key-1234", "aaaaaaaa1", "x1" * 300],
)  # fmt: skip
def test_words_paths_numbers_and_placeholders_do_not(value):
    assert not checks.looks_random(value)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "clientSecret",
        "API_KEY",
        "x-api-key",
        "authToken",
        "accessToken",
        "PGPASSWORD",
        "credentials",
    ],
)
def test_names_that_tell(name):
    assert names.telling(name)
    assert names.private(name)


@pytest.mark.parametrize(
    "name",
    [
        "nextPageToken",
        "page_token",
        "sync_token",
        "max_tokens",
        "token_count",
        "tokenizer",
        "author",
        "keyboard",
        "compass",
    ],
)
def test_names_that_only_sound_like_it(name):
    assert not names.telling(name)
    assert not names.private(name)


@pytest.mark.parametrize(
    "name", ["Authorization", "Set-Cookie", "cardNumber", "cvv", "pin", "sessionId", "password_confirmation"]
)
def test_the_journal_is_stricter_about_names(name):
    assert names.private(name)
