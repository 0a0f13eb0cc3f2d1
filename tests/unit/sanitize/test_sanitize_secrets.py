"""Secrets: every row of the table finds its kind, tokens link equal values, and ordinary text stays as it is."""

import base64
import json
import random
import string
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sanitize_samples import SAMPLES

from gateway.sanitize import secrets
from gateway.sanitize.rules import RULES
from gateway.sanitize.secrets import Redactor

REDACTOR = Redactor(b"k" * 32)
FRAMES = ("{}", "found {} in the log", "KEY={}\n", "(`{}`)", '{{"a":"x\\n{}\\n"}}')


def redact(text):
    found = Counter()
    return REDACTOR.redact(text, found), dict(found)


def test_every_row_of_the_table_has_a_sample():
    assert {rule.type for rule in RULES} == SAMPLES.keys()


@pytest.mark.parametrize("type_", sorted(SAMPLES))
@pytest.mark.parametrize("frame", FRAMES)
def test_each_kind_is_replaced_wherever_it_stands(type_, frame):
    for before, secret, after in SAMPLES[type_]:
        redacted, found = redact(frame.format(before + secret + after))
        assert secret not in redacted
        assert f"[REDACTED:{type_}:" in redacted
        assert found == {f"redacted-{type_}": 1}


@pytest.mark.parametrize(
    "text",
    [
        "Write to anna.schmidt@example.com or call +49 170 1234567, (555) 010-9999, +57 300 1234567.",
        "Order 4111111111111112, ticket 123456789012, build 1700000000000.",
        "Use the token to authenticate; the password must have 12 characters. Authorization: required.",
        "postgres://user:password@localhost/app and redis://:$REDIS_PASSWORD@cache:6379",
        'api_key = os.environ["API_KEY"]; token = get_token(request2); secret = settings.secret_key1',
        "password: your-password-here1, token: <TOKEN1234>, secret=xxxxxxxx1",
        '{"nextPageToken": "CAUQAA9f8d7s6f5", "max_tokens": 4096, "token_type": "bearer"}',
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8 on 2024-11-21T10:00:00Z",
        "id 123e4567-e89b-12d3-a456-426614174000, ratio 0.4111111111111111, 000-12-3456, 123-45-6789-1",
        "GB00WEST12345698765432 is no account; sk-learn-style-transformers; task-management-system-of-2024",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    ],
)
def test_ordinary_text_is_the_same_object(text):
    redacted, found = redact(text)
    assert redacted is text
    assert found == {}


def test_equal_values_have_equal_marks_only_under_one_key():
    card = "4111 1111" + " 1111 1111"
    first, _ = redact(f"{card} and {card}")
    one, two = first.split(" and ")
    assert one == two != Redactor(b"x" * 32).redact(card, Counter())


def test_the_longest_of_overlapping_findings_covers_them():
    token = "ghp_" + "aB3" * 12
    redacted, found = redact(f"https://bot:{token}@git.example/x")
    assert redacted.startswith("https://bot:[REDACTED:")
    assert redacted.endswith("]@git.example/x")
    assert sum(found.values()) == 1


def test_bytes_in_base64_are_left_alone_but_keys_are_not():
    blob = base64.b64encode(random.Random(7).randbytes(3000)).decode()
    hidden = "AKIA" + "ABCDEFGHIJKLMNOP"
    inside = blob[:1400] + "/" + hidden + "+" + blob[1421:]
    assert redact(inside)[0] == inside
    pem = f"-----BEGIN PRIVATE KEY-----\n{blob}\n-----END " + "PRIVATE KEY-----"
    assert redact(pem)[1] == {"redacted-private-key": 1}


def test_a_long_key_block_in_base64_goes_too():
    noise = base64.b64encode(random.Random(8).randbytes(1200)).decode()
    block = f"-----BEGIN PRIVATE KEY-----\n{noise}\n-----END " + "PRIVATE KEY-----"
    wrapped = base64.b64encode(block.encode()).decode()
    assert redact(f"tls.key: {wrapped}")[1] == {"redacted-private-key": 1}


def test_a_key_block_that_was_cut_goes_as_far_as_it_reaches():
    block = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA7" * 4
    assert redact(f"{block}\n\nand prose after it")[0].endswith("]\n\nand prose after it")


@given(st.sampled_from(sorted(SAMPLES)), st.text(string.printable + "é\\\"'", max_size=30), st.text(max_size=20))
@settings(max_examples=300, deadline=None)
def test_redaction_keeps_json_valid_and_does_not_redact_its_tokens(type_, before, after):
    lead, secret, tail = SAMPLES[type_][0]
    document = json.dumps([before, lead + secret + tail + after, {"password": before}])
    once, _ = redact(document)
    assert len(json.loads(once)) == 3
    assert redact(once)[0] == once


def test_masking_keeps_length_and_kinds_of_characters():
    card = "4111-1111" + "-1111-1111"
    assert secrets.masked(f"card {card}!") == "card 0000-0000-0000-0000!"


def test_a_value_under_a_telling_name_goes_whole():
    found = Counter()
    assert REDACTOR.named("clientSecret", "q8Zr-77yP_0aLm4", found).startswith("[REDACTED:named:")
    assert REDACTOR.named("nextPageToken", "q8Zr-77yP_0aLm4", found) == "q8Zr-77yP_0aLm4"
    assert found == {"redacted-named": 1}
