"""The room: it is the port, and errors of upstreams are cleaned like results."""

import pytest
from sanitize_samples import SAMPLES

from gateway.config.schema import Sanitize
from gateway.model.refusal import Refused
from gateway.ports import Sanitizer
from gateway.sanitize.findings import Findings, cosmetic
from gateway.sanitize.room import Clean

CLEAN: Sanitizer = Clean(Sanitize(max_nodes=20), b"k" * 32)


def test_message_and_data_of_an_error_are_cleaned():
    token = SAMPLES["stripe-key"][0][1]
    message, data = CLEAN.error(
        f"no \x1b[31mluck with {token}", {"code": 7, "trace": ["a\u200bb"], "apiKey": "q8Zr-77yP_0aLm4"}
    )
    assert message.value.startswith("no luck with [REDACTED:stripe-key:")
    assert message.findings == {"terminal-sequence": 1, "redacted-stripe-key": 1}
    assert data.value["trace"] == ["ab"]
    assert data.value["apiKey"].startswith("[REDACTED:named:")


def test_an_error_without_data_is_none_and_unchanged():
    assert CLEAN.error("not found", None)[1].value is None
    assert not CLEAN.error("not found", None)[1].changed


def test_an_error_over_the_limits_is_withheld():
    with pytest.raises(Refused, match="max_nodes"):
        CLEAN.error("x", list(range(100)))


def test_only_typographic_debris_is_cosmetic():
    assert cosmetic(Findings({"joiner": 2, "invisible": 1, "line-separator": 1}))
    assert not cosmetic(Findings({"joiner": 2, "hidden-text": 4}))
    assert not cosmetic(Findings({"redacted-card": 1}))
