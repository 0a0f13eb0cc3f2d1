"""What the disk did to the journal: a torn tail is cut and told of, anything else is evidence and stops the start."""

import signal
from pathlib import Path

from crash_kit import Built, Effects, Mortal, call_id, key_of, refund
from crash_promise import check_doubted
from e2e_kit import structured

from gateway.audit.segments import segments

WIDE = 1024 * 1024
"""One segment for a whole test."""


def last_segment(gateway: Mortal) -> Path:
    return gateway.journal / segments(gateway.journal)[-1]


def tear(gateway: Mortal) -> bytes:
    """Cuts the last line in half; what is left of it."""
    path = last_segment(gateway)
    *whole, last = path.read_bytes().splitlines(keepends=True)
    half = last[: len(last) // 2]
    path.write_bytes(b"".join(whole) + half)
    return half


def check_recovered(gateway: Mortal, half: bytes) -> None:
    gateway.check_whole()
    told = [one for one in gateway.entries() if one["kind"] == "recovered"][-1]
    assert told["bytes"] == len(half)
    assert (gateway.journal / told["file"]).read_bytes().endswith(half)


def test_a_torn_tail_is_cut_kept_aside_and_told_of_and_the_promise_holds(build: Built, effects: Effects) -> None:
    gateway = build(segment_bytes=WIDE)
    gateway.start()

    unsent = effects.new_reason("torn before it was sent")
    gateway.arm("writer.appended")
    assert gateway.ask("desk_refund_create", refund(unsent), key_of(unsent)) is None
    gateway.fell()
    half = tear(gateway)
    gateway.start()
    check_recovered(gateway, half)
    told = gateway.answered("desk_refund_create", refund(unsent), key_of(unsent))
    assert structured(told)["reason"] == unsent
    assert gateway.found(call_id(told), "intent", "call")
    assert effects.refunds(unsent) == 1

    sent = effects.new_reason("torn after it was sent")
    gateway.arm("upstream.answered")
    assert gateway.ask("desk_refund_create", refund(sent), key_of(sent)) is None
    gateway.fell()
    half = tear(gateway)  # its intent: the disk lied about the sync, and the ledger alone knows that it was sent
    gateway.start()
    check_recovered(gateway, half)
    check_doubted(gateway, gateway.answered("desk_refund_create", refund(sent), key_of(sent)))
    assert effects.refunds(sent) == 1
    assert gateway.stop() == 0


def test_a_changed_byte_in_the_middle_stops_the_start_with_file_line_and_next_step(
    build: Built, effects: Effects
) -> None:
    gateway = build(segment_bytes=WIDE)
    gateway.start()
    reason = effects.new_reason("a changed byte")
    told = gateway.answered("desk_refund_create", refund(reason), key_of(reason))
    gateway.answered("desk_desk_echo", {"text": "the last entry"})
    gateway.stop(signal.SIGKILL)
    path = last_segment(gateway)
    found = path.read_bytes()
    at = found.index(b'"outcome":"answered"') + len(
        b'"outcome":"'
    )  # in the record of the refund, which is not the last
    number = found[:at].count(b"\n") + 1
    changed = found[:at] + b"b" + found[at + 1 :]
    path.write_bytes(changed)

    gateway.start(ready=False)

    assert gateway.process.wait(20) == 1
    said = gateway.log.read_text()
    assert f"{path}:{number}: " in said
    assert "sallyport audit verify" in said
    assert "move the folder aside" in said
    assert path.read_bytes() == changed
    path.write_bytes(found)
    gateway.start()
    assert gateway.found(call_id(told), "intent", "call")["outcome"] == "answered"
    gateway.check_whole()
    assert gateway.stop() == 0
