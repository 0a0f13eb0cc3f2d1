"""Answers are lost on the way: a probe or a person finds out what became of the call, and nothing is paid twice."""

import json
import secrets
import signal
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
import redis_kit
from e2e_bank import Counter, call_id, meta
from e2e_kit import HTTP, outcome, structured, text, wait_for

_NUMBERS = count(100)


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counter]:
    made = Counter(tmp_path_factory.mktemp("bank"))
    yield made
    made.close()


@pytest.fixture
def n() -> int:
    return next(_NUMBERS)


def test_a_lost_answer_is_found_by_the_probe_and_served_as_what_it_is(counter: Counter, n: int) -> None:
    counter.bank.cut_after.add(n)

    answer = counter.call("pay", n)

    assert structured(answer) == {"payments": [{"n": n}]}
    assert meta(answer, "reconstructed") is True
    assert "its own answer was lost. This is what bank/find shows of it." in text(answer)
    (found,) = counter.records(call_id(answer), "resolved")
    assert (found["resolved"], found["by"], found["tool"]) == ("executed", "probe", "bank/pay")
    assert counter.records(call_id(answer), "call")[0]["outcome"] == "in-doubt"
    again = counter.call("pay", n)
    assert (structured(again), meta(again, "replayed")) == ({"payments": [{"n": n}]}, True)
    assert counter.bank.sent.count(n) == 1


def test_what_the_probe_does_not_find_stays_in_doubt_until_it_has_settled_and_is_then_made_again(
    counter: Counter, n: int
) -> None:
    counter.bank.cut_before.add(n)
    first = counter.call("pay", n)
    assert outcome(first)["reason"] == "outcome-unknown"
    call = call_id(first)
    counter.bank.cut_before.clear()

    def paid() -> bool:
        again = counter.call("pay", n)
        if not again["result"].get("isError"):
            return True
        assert (outcome(again)["reason"], outcome(again)["original"]) == ("outcome-unknown", call)
        assert counter.bank.sent.count(n) == 1
        return False

    wait_for(paid, "the probe to settle the doubt")

    (resolved,) = counter.records(call, "resolved")
    assert (resolved["resolved"], resolved["by"]) == ("not-executed", "probe")
    assert (counter.bank.sent.count(n), counter.bank.paid.count(n)) == (2, 1)


def test_a_probe_that_fails_settles_nothing(counter: Counter, n: int) -> None:
    counter.bank.cut_before.add(n)
    counter.bank.blind = True
    try:
        answers = [counter.call("pay", n) for _ in range(2)]
    finally:
        counter.bank.blind = False

    assert [outcome(one)["reason"] for one in answers] == ["outcome-unknown"] * 2
    assert counter.bank.sent.count(n) == 1


def test_after_kill_9_the_pass_finds_out_what_became_of_the_call(tmp_path: Path) -> None:
    counter = Counter(tmp_path)
    try:
        counter.bank.held.add(1)
        caller = threading.Thread(target=_ignoring, args=(counter, 1), daemon=True)
        caller.start()
        wait_for(lambda: counter.bank.paid == [1], "the payment")
        counter.gateway.stop(signal.SIGKILL)
        counter.bank.held.clear()
        counter.bank.let_go.set()

        counter.gateway.start()

        (resolved,) = wait_for(lambda: counter.gateway.records(kind="resolved"), "the pass")
        assert (resolved["resolved"], resolved["by"]) == ("executed", "probe")
        assert [one["outcome"] for one in counter.records(resolved["call"], "call")] == ["in-doubt"]
        answer = counter.call("pay", 1)
        assert (meta(answer, "reconstructed"), meta(answer, "replayed"), counter.bank.sent) == (True, True, [1])
    finally:
        counter.close()


def _ignoring(counter: Counter, n: int) -> None:
    try:
        counter.call("pay", n)
    except Exception:
        return


def test_a_person_says_that_it_was_carried_out_and_nothing_is_sent_again(counter: Counter, n: int) -> None:
    counter.bank.cut_after.add(n)
    call = call_id(counter.call("plain_pay", n))

    shown = counter.verb("show", call)
    assert (call in counter.verb("ls").stdout, "bank/plain_pay" in shown.stdout) == (True, True)
    assert "pay-bot for alice" in shown.stdout
    done = counter.verb("resolve", call, "--executed", "--why", "it is in the list")

    assert (done.returncode, "Nothing is sent." in done.stdout) == (0, True), done
    answer = counter.call("plain_pay", n)
    assert (outcome(answer)["reason"], outcome(answer)["executed"]) == ("result-withheld", "yes")
    assert "was carried out" in text(answer)
    assert counter.bank.sent.count(n) == 1
    (resolved,) = counter.records(call, "resolved")
    assert (resolved["resolved"], resolved["by"]) == ("executed", "operator")
    (order,) = [one for one in counter.gateway.records(kind="operator") if one["facts"].get("call") == call]
    assert order["action"] == "doubt.resolve"


def test_a_person_gives_the_result_that_is_served_from_then_on(counter: Counter, n: int, tmp_path: Path) -> None:
    counter.bank.cut_after.add(n)
    call = call_id(counter.call("plain_pay", n))
    (tmp_path / "result.txt").write_text("Receipt 77", encoding="utf-8")

    done = counter.verb(
        "resolve", call, "--executed", "--why", "seen", "--result", str(tmp_path / "result.txt"), "--json"
    )

    assert json.loads(done.stdout)["resolved"] == "executed"
    answer = counter.call("plain_pay", n)
    assert ("Receipt 77" in text(answer), meta(answer, "reconstructed")) == (True, True)
    assert counter.bank.sent.count(n) == 1


def test_a_person_says_that_it_was_not_carried_out_and_the_same_call_is_made(counter: Counter, n: int) -> None:
    counter.bank.cut_before.add(n)
    call = call_id(counter.call("plain_pay", n))
    counter.bank.cut_before.clear()
    key = next(one["key"] for one in counter.doubts() if one["call"] == call)
    assert counter.bank.peer.calls[-1].headers["idempotency-key"] == key

    said = {"executed": False, "why": "the bank knows nothing of it"}
    assert counter.gateway.operator("POST", f"/doubts/{call}", json=said).status_code == 200

    answer = counter.call("plain_pay", n)
    assert not answer["result"].get("isError")
    assert (counter.bank.sent.count(n), counter.bank.paid.count(n)) == (2, 1)
    assert counter.gateway.operator("POST", f"/doubts/{call}", json=said).status_code == 404


def test_every_doubt_is_counted_and_told_with_the_command_that_settles_it(counter: Counter, n: int) -> None:
    counter.bank.cut_before.add(n)
    call = call_id(counter.call("plain_pay", n))

    def told() -> bool:
        return f"sallyport doubt resolve {call} --executed" in counter.gateway.log.read_text()

    wait_for(told, "the pass")
    metrics = HTTP.get(f"{counter.gateway.operator_url}/metrics").text
    (gauge,) = [line for line in metrics.splitlines() if line.startswith("sallyport_doubts_open ")]
    assert float(gauge.split()[1]) >= 1


@pytest.mark.parametrize(
    ("forgets", "blind", "seen"), [(False, False, "yes"), (True, False, "no"), (False, True, "unknown")]
)
def test_a_success_is_looked_at_and_the_look_is_told_and_written_down(
    counter: Counter, n: int, forgets: bool, blind: bool, seen: str
) -> None:
    counter.bank.forgets, counter.bank.blind = forgets, blind
    try:
        answer = counter.call("sure_pay", n)
    finally:
        counter.bank.forgets = counter.bank.blind = False

    assert (structured(answer), meta(answer, "verified")) == ({"status": "ok", "cents": 1}, seen)
    assert [one["verified"] for one in counter.records(call_id(answer), "verified")] == [seen]
    assert counter.bank.sent.count(n) == 1


def test_an_answer_that_is_not_accepted_stays_carried_out_and_is_flagged(counter: Counter, n: int) -> None:
    good = counter.call("checked", n)
    counter.bank.says = {"status": "perhaps"}
    try:
        bad = counter.call("checked", n + 1000)
    finally:
        counter.bank.says = {"status": "ok", "cents": 1}

    assert (meta(good, "accepted"), counter.records(call_id(good), "call")[0]["accepted"]) == (None, True)
    assert (meta(bad, "accepted"), "not what its operator accepts" in text(bad)) == (False, True)
    (record,) = counter.records(call_id(bad), "call")
    assert (record["outcome"], record["executed"], record["accepted"]) == ("answered", "yes", False)
    again = counter.call("checked", n + 1000)
    assert (meta(again, "accepted"), meta(again, "replayed")) == (False, True)
    assert counter.bank.sent.count(n + 1000) == 1


def test_a_read_that_is_not_accepted_is_served_from_its_fallback_or_refused(counter: Counter, n: int) -> None:
    good = counter.call("balance", n)
    counter.bank.says = {"cents": "none"}
    try:
        stale, bad = counter.call("balance", n), counter.call("balance", n + 1000)
    finally:
        counter.bank.says = {"status": "ok", "cents": 1}

    assert (structured(stale), meta(stale, "stale")["reason"]) == (structured(good), "upstream-invalid")
    assert (outcome(bad)["reason"], "not what `accept` wants" in text(bad)) == ("upstream-invalid", True)
    assert counter.records(call_id(bad), "call")[0]["accepted"] is False


def test_probe_and_person_settle_doubts_on_redis_too(tmp_path: Path) -> None:
    valkey = redis_kit.server(data_dir=tmp_path / "valkey")
    (tmp_path / "secret.key").write_text(secrets.token_hex(32) + "\n")
    url = f"redis://127.0.0.1:{valkey.port}/0"
    counter = Counter(tmp_path, state={"dir": "state", "store": url, "secret_file": str(tmp_path / "secret.key")})
    try:
        counter.bank.cut_after.update({1, 2})
        counter.bank.cut_before.add(3)

        found, unknown, not_found = counter.call("pay", 1), counter.call("plain_pay", 2), counter.call("pay", 3)

        assert meta(found, "reconstructed") is True
        counter.bank.cut_before.clear()
        assert counter.verb("resolve", call_id(unknown), "--executed", "--why", "seen").returncode == 0
        assert outcome(counter.call("plain_pay", 2))["reason"] == "result-withheld"
        wait_for(lambda: not counter.call("pay", 3)["result"].get("isError"), "the probe to settle the doubt")
        (resolved,) = counter.records(call_id(not_found), "resolved")
        assert (resolved["resolved"], counter.bank.sent) == ("not-executed", [1, 2, 3, 3])
        assert counter.doubts() == []
    finally:
        counter.close()
        valkey.stop()
