"""Proposals lean toward the stricter side, and hints never make one laxer than the name."""

from typing import Any

import pytest

from gateway.cli.importer_effects import proposal


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("get_commit", "read"),
        ("listPullRequests", "read"),
        ("ticket.search", "read"),
        ("ticket-get", "read"),
        ("count", "read"),
        ("set_status", "idempotent"),
        ("note_delete", "idempotent"),
        ("view_update", "idempotent"),
        ("createIssue", "mutating"),
        ("get_or_create_user", "mutating"),
        ("search_and_replace", "idempotent"),
        ("run_query", "mutating"),
        ("frobnicate", "mutating"),
        ("", "mutating"),
        ("export_send", "mutating"),
    ],
)
def test_the_verb_of_the_name_proposes(name: str, effect: str) -> None:
    assert proposal(name, None)[0] == effect


@pytest.mark.parametrize(
    ("name", "hints", "effect"),
    [
        ("get_x", {"readOnlyHint": False}, "mutating"),
        ("get_x", {"readOnlyHint": True, "destructiveHint": True}, "mutating"),
        ("set_x", {"idempotentHint": False}, "mutating"),
        ("create_x", {"readOnlyHint": True, "idempotentHint": True}, "mutating"),
        ("authors", {"readOnlyHint": True}, "read"),
        ("authors", {"readOnlyHint": True, "destructiveHint": True}, "mutating"),
        ("authors", {"idempotentHint": True}, "mutating"),
        ("authors", "no object", "mutating"),
    ],
)
def test_hints_only_bend_toward_the_stricter_side(name: str, hints: Any, effect: str) -> None:
    assert proposal(name, hints)[0] == effect
