"""Policy files change while the gateway runs: good ones take effect, bad ones change nothing and say what is wrong."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from e2e_kit import HTTP, ROOT, Gateway, HelpDesk, api_key, helpdesk_config, outcome, structured, wait_for

TAKES_EFFECT_S = 3.0
ALLOW = "p, reports, user:alice, default, *, helpdesk/order_cancel, call, -, allow\n"


class Ruled:
    """A gateway whose policy files, log and configuration share one folder, as people do."""

    def __init__(self, helpdesk: HelpDesk, folder: Path) -> None:
        for name in ("model.conf", "policy.csv", "conditions.yaml"):
            shutil.copy(ROOT / "policies" / name, folder)
        self.alice, entry = api_key("alice-key", "ops-bot", "alice")
        files = {"model": "model.conf", "rows": "policy.csv", "conditions": "conditions.yaml"}
        self.gateway = Gateway(folder, {**helpdesk_config(helpdesk.url, [entry]), "policy": files})
        self.rows, self.conditions = folder / "policy.csv", folder / "conditions.yaml"
        self.good = self.rows.read_text(encoding="utf-8")

    def sees(self, tool: str) -> bool:
        return tool in {one["name"] for one in self.gateway.rpc(self.alice, "tools/list").json()["result"]["tools"]}

    def policy(self) -> dict[str, Any]:
        return self.gateway.operator("GET", "/policy").json()

    def stale(self) -> bool:
        return "\nsallyport_policy_stale 1.0" in HTTP.get(f"{self.gateway.operator_url}/metrics").text

    def said(self, text: str) -> int:
        return self.gateway.log.read_text(encoding="utf-8").count(text)


@pytest.fixture(scope="module")
def ruled(helpdesk: HelpDesk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    """Every test leaves the rows as it found them."""
    made = Ruled(helpdesk, tmp_path_factory.mktemp("ruled"))
    made.gateway.start()
    yield made
    made.gateway.stop()


def test_a_changed_row_takes_effect_a_bad_one_changes_nothing_and_mending_it_clears(ruled: Ruled) -> None:
    tool = "helpdesk_order_cancel"
    before = ruled.policy()["version"]
    assert not ruled.sees(tool)

    ruled.rows.write_text(ruled.good + ALLOW, encoding="utf-8")
    wait_for(lambda: ruled.sees(tool), "the new row", TAKES_EFFECT_S)
    widened = ruled.policy()["version"]
    assert widened != before

    lines = ruled.good.count("\n")
    ruled.rows.write_text(ruled.good + ALLOW.replace("user:alice", "alice"), encoding="utf-8")
    wait_for(ruled.stale, "the gauge", TAKES_EFFECT_S)
    (fault,) = ruled.policy()["refused"]
    place, what, remedy = fault.rsplit(": ", 2)
    assert place.endswith(f"policy.csv:{lines + 1}"), fault
    assert what
    assert remedy
    assert ruled.policy()["version"] == widened
    assert ruled.sees(tool)

    ruled.rows.write_text(ruled.good, encoding="utf-8")
    wait_for(lambda: not ruled.stale(), "the gauge to clear", TAKES_EFFECT_S)
    assert ruled.policy() == {**ruled.policy(), "version": before, "refused": []}
    assert not ruled.sees(tool)
    loaded = [one["facts"]["version"] for one in ruled.gateway.records(kind="operator", order="oldest")]
    assert loaded[-2:] == [widened, before]


def test_every_way_of_saving_a_file_is_noticed_and_a_missing_file_is_a_bad_one(ruled: Ruled) -> None:
    gateway = ruled.gateway
    refund = {"order_id": 5, "amount_cents": 310, "reason": "scratched"}

    fresh = ruled.conditions.with_suffix(".new")
    fresh.write_text(
        "small-refund: args.amount_cents > 0 && args.amount_cents <= 300\nbig-refund: args.amount_cents > 10000\n"
        "small-api-refund: args.body.amount_cents <= 300\n",
        encoding="utf-8",
    )
    old, kept = ruled.policy()["version"], ruled.conditions.read_bytes()
    fresh.replace(ruled.conditions)
    wait_for(lambda: ruled.policy()["version"] != old, "the replaced conditions", TAKES_EFFECT_S)
    denied = outcome(gateway.call(ruled.alice, "helpdesk_refund_create", refund))
    assert (denied["reason"], denied["executed"]) == ("policy-denied", "no")

    ruled.rows.unlink()
    wait_for(ruled.stale, "the gauge", TAKES_EFFECT_S)
    assert "policy.csv" in ruled.policy()["refused"][0]
    assert structured(gateway.call(ruled.alice, "helpdesk_refund_create", {**refund, "amount_cents": 300}))
    ruled.rows.write_text(ruled.good, encoding="utf-8")
    ruled.conditions.write_bytes(kept)
    wait_for(lambda: ruled.policy()["version"] == old, "the first policy", TAKES_EFFECT_S)


def test_a_row_that_asks_who_may_approve_is_refused_and_a_log_beside_the_files_starts_no_circle(ruled: Ruled) -> None:
    ruled.rows.write_text(ruled.good + ALLOW.replace("call, -, allow", "approve, -, ask"), encoding="utf-8")
    wait_for(ruled.stale, "the gauge", TAKES_EFFECT_S)
    assert "ask" in ruled.policy()["refused"][0]
    told = "effect ask in a row for approve"
    wait_for(lambda: ruled.said(told), "the log", TAKES_EFFECT_S)
    with pytest.raises(AssertionError, match="waited"):  # one round of the circle took a tenth of a second
        wait_for(lambda: ruled.said(told) > 1, "a second round", 0.4)

    ruled.rows.write_text(ruled.good + ALLOW, encoding="utf-8")
    wait_for(lambda: ruled.sees("helpdesk_order_cancel"), "the mended row", TAKES_EFFECT_S)
    ruled.rows.write_text(ruled.good, encoding="utf-8")
    wait_for(lambda: not ruled.sees("helpdesk_order_cancel"), "the first policy", TAKES_EFFECT_S)


def test_a_condition_on_an_argument_that_no_tool_has_is_told_to_operators_once(ruled: Ruled) -> None:
    kept, row = ruled.conditions.read_text(encoding="utf-8"), ALLOW.replace("call, -", "call, cheap")
    ruled.conditions.write_text(kept + "cheap: args.amount < 5\n", encoding="utf-8")
    ruled.rows.write_text(ruled.good + row, encoding="utf-8")
    wait_for(lambda: ruled.policy()["conditions"], "what operators see", TAKES_EFFECT_S)
    (fault,) = ruled.policy()["conditions"]
    assert "condition cheap reads args.amount, which helpdesk/order_cancel does not have" in fault
    wait_for(lambda: ruled.said("condition cheap reads args.amount"), "the log", TAKES_EFFECT_S)
    ruled.rows.write_text(ruled.good, encoding="utf-8")
    ruled.conditions.write_text(kept, encoding="utf-8")
    wait_for(lambda: not ruled.policy()["conditions"], "the mended policy", TAKES_EFFECT_S)
    assert ruled.said("condition cheap reads args.amount") == 1
