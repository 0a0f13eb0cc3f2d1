"""Which entry of `upstreams.X.tools` holds, and how hints bend an effect: stricter always, laxer only when trusted."""

import pytest

from gateway.catalog.settings import effect_of, settings_for
from gateway.config.upstreams import ToolSettings
from gateway.model.tool import Effect

READ, IDEMPOTENT, MUTATING, UNSET = Effect.READ, Effect.IDEMPOTENT, Effect.MUTATING, Effect.UNSET


@pytest.mark.parametrize(
    ("keys", "holds"),
    [
        (["get_order", "get_*", "*"], "get_order"),
        (["*", "get_*"], "get_*"),
        (["*_order", "get_*"], "*_order"),
        (["get_*r", "*et_*r*"], "get_*r"),
        (["ge*_order", "get*order"], "ge*_order"),
        (["get_*", "put_*"], "get_*"),
    ],
)
def test_the_exact_name_holds_first_and_then_the_most_specific_glob(keys, holds):
    entries = {key: ToolSettings(effect="read") if key == holds else ToolSettings(effect="mutating") for key in keys}
    assert settings_for("get_order", entries).effect == "read"


def test_a_tool_nobody_wrote_about_is_unset():
    assert settings_for("refund", {"get_*": ToolSettings(effect="read")}).effect == "unset"


def test_an_entry_holds_as_a_whole_and_is_not_merged_with_a_wider_one():
    entries = {"*": ToolSettings(effect="read"), "refund": ToolSettings(derived="off")}
    assert settings_for("refund", entries).effect == "unset"


@pytest.mark.parametrize(
    ("configured", "hints", "trusted", "in_force"),
    [
        (READ, None, False, READ),
        (READ, {"readOnlyHint": True}, False, READ),
        (READ, {"readOnlyHint": False}, False, UNSET),
        (READ, {"destructiveHint": True}, False, UNSET),
        (READ, {"readOnlyHint": False}, True, UNSET),
        (IDEMPOTENT, {"idempotentHint": False}, False, UNSET),
        (IDEMPOTENT, {"destructiveHint": True}, False, IDEMPOTENT),
        (MUTATING, {"readOnlyHint": True}, False, MUTATING),
        (MUTATING, {"readOnlyHint": True}, True, MUTATING),
        (UNSET, {"readOnlyHint": True}, False, UNSET),
        (UNSET, {"idempotentHint": True}, False, UNSET),
        (UNSET, {"readOnlyHint": True}, True, READ),
        (UNSET, {"readOnlyHint": True, "destructiveHint": True}, True, MUTATING),
        (UNSET, {"idempotentHint": True}, True, IDEMPOTENT),
        (UNSET, {}, True, MUTATING),
        (UNSET, {"readOnlyHint": "true"}, True, MUTATING),
        (READ, "readOnlyHint", False, READ),
    ],
)
def test_hints_make_an_effect_stricter_and_laxer_only_when_trusted(configured, hints, trusted, in_force):
    assert effect_of(configured, hints, trusted=trusted) is in_force
