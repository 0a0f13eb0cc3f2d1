"""A stdio server that speaks well about everything but calls, and answers those with lines of garbage, by the seed in them."""

import json
import re
import sys
import time

from fuzz_answers import Teller
from fuzz_dice import BYTES, Dice
from fuzz_results import result_of

_WALKS = {"tools/call", "prompts/get", "resources/read", "completion/complete"}
_SEED = re.compile(r"seed-(\d+)")


def lines(message: dict, dice: Dice) -> list[bytes]:
    """What is written in answer."""
    teller = Teller(dice, "legacy", None, 1)
    found = [json.dumps(teller._aside(message)).encode() for _ in range(dice.choice([0, 0, 1, 3, 300]))]
    found += [
        dice.choice([b"", b"log line", b"x" * 300_000, b"\xff\xfe", b"[]", b"null", b"{", *BYTES])
        for _ in range(dice.choice([0, 0, 1, 3]))
    ]
    spoilt = teller._message(message)
    answer = dice.odd(spoilt) if dice.often(0.3) else json.dumps(spoilt).encode("utf-8", "surrogatepass")
    if dice.often(0.9):
        found.insert(dice.randrange(len(found) + 1), answer)
    return found


def main() -> None:
    out = sys.stdout.buffer
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        seed = found[0] if (found := _SEED.findall(line)) else "0"
        dice = Dice(f"child {seed}")
        if message["method"] == "server/discover":
            out.write(
                json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "no"}}).encode()
                + b"\n"
            )
        elif message["method"] in _WALKS and seed != "0":
            for one in lines(message, dice):
                out.write(one + dice.choice([b"\n", b"\n", b"\r\n"]))
            if dice.often(0.001):
                sys.exit(3)
            if dice.often(0.02):
                time.sleep(0.05)
        else:
            out.write(
                json.dumps(
                    {"jsonrpc": "2.0", "id": message["id"], "result": result_of(message, dice, "legacy")}
                ).encode()
                + b"\n"
            )
        out.flush()


if __name__ == "__main__":
    main()
