"""Shots as bytes on a socket, framed well or badly, and what comes back read byte by byte.

`Volley` is one connection: the bytes with pauses between them, the shots that stand in them, and whether all of them must be
answered.
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace

from fuzz_dice import Dice, Lines
from fuzz_oracle import Unsound
from fuzz_shots import Shot


@dataclass
class Volley:
    """What goes over one connection."""

    parts: list[bytes]
    shots: list[Shot]
    whole: bool
    """Whether every shot is framed well."""
    seed: int


@dataclass
class Heard:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes
    ended: bool
    """Whether it was complete; a stream may go on."""


def volley(dice: Dice, shots: list[Shot], seed: int) -> Volley:
    """Frames some shots; where one is framed badly nothing behind it counts."""
    kind = dice.random()
    shots = [
        replace(shot, method="GET") if shot.method == "HEAD" else shot for shot in shots
    ]  # its answers announce what does not come
    data = b"".join(written(dice, shot, closes=number + 1 == len(shots)) for number, shot in enumerate(shots))
    whole = all(_plain(shot) for shot in shots)
    if kind < 0.35:
        data, whole = (
            dice.choice([dice.torn, _headless, _smuggled, _stretched, lambda data: data[: dice.randrange(len(data))]])(
                data
            ),
            False,
        )
    if dice.often(0.15):
        cuts = sorted(dice.randrange(len(data) + 1) for _ in range(dice.choice([1, 3, 12])))
        return Volley([data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)], shots, whole, seed)
    return Volley([data], shots, whole, seed)


def written(dice: Dice, shot: Shot, *, closes: bool) -> bytes:
    lines: Lines = [(_cased(dice, name), value) for name, value in shot.lines]
    body, kind = shot.body, dice.random()
    if kind < 0.75:
        lines.append(("content-length", str(len(body)).encode()))
    else:
        lines.append(("transfer-encoding", b"chunked"))
        body = _chunked(dice, body)
    if closes and dice.often(0.8):
        lines.append(("connection", b"close"))
    head = f"{shot.method} {shot.target} HTTP/1.1\r\n".encode("latin-1")
    return head + b"".join(name.encode() + b": " + value + b"\r\n" for name, value in lines) + b"\r\n" + body


def _plain(shot: Shot) -> bool:
    """Whether no parser could stumble over its headers."""
    framing = {"content-length", "transfer-encoding", "connection", "expect", "upgrade"}
    good = all(
        value.strip(b" \t") == value and all(byte > 31 and byte != 127 for byte in value) for _, value in shot.lines
    )
    return good and not {name for name, _ in shot.lines} & framing


def _cased(dice: Dice, name: str) -> str:
    return name if dice.often(0.7) else dice.choice([name.upper(), name.title(), name.swapcase()])


def _chunked(dice: Dice, body: bytes) -> bytes:
    found, at = b"", 0
    while at < len(body):
        size = dice.choice([1, 7, 100, 5_000])
        part = body[at : at + size]
        found += b"%x%b\r\n%b\r\n" % (len(part), dice.choice([b"", b"", b";a=b"]), part)
        at += size
    return found + b"0\r\n" + dice.choice([b"", b"", b"x-trailer: y\r\n"]) + b"\r\n"


def _headless(data: bytes) -> bytes:
    head, _, body = data.partition(b"\r\n\r\n")
    return head.replace(b"\r\n", b"\n") + b"\n\n" + body


def _smuggled(data: bytes) -> bytes:
    """Two readers would find different ends."""
    return data.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 1)


def _stretched(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\r\n" + b"x: y\r\n" * 150, 1) + b"GARBAGE\r\n\r\n"


async def fired(port: int, shot: Volley, patience_s: float, quiet_s: float) -> list[Heard]:
    """Sends it and reads until the gateway hangs up, or is quiet after it has said something. Raises Unsound."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data, hung_up = b"", False
    try:
        with contextlib.suppress(ConnectionError):
            for part in shot.parts:
                writer.write(part)
                await writer.drain()
                if len(shot.parts) > 1:
                    await asyncio.sleep(0.002)
        while True:
            ended = len([one for one in answers(data) if one.ended])
            enough = ended >= (len(shot.shots) if shot.whole else 1) or _streams(data)
            try:
                async with asyncio.timeout(quiet_s if enough else patience_s):
                    part = await reader.read(65536)
            except ConnectionError:
                part = b""
            except TimeoutError:
                if not enough:
                    raise Unsound(f"neither answered nor closed: {shot.parts!r}, heard {data!r}") from None
                break
            if not part:
                hung_up = True
                break
            data += part
    finally:
        writer.transport.abort()
    found = answers(data)
    if len(found) > len(shot.shots) and shot.whole:
        raise Unsound(f"{len(found)} answers to {len(shot.shots)} requests")
    if hung_up and shot.whole and found and not found[-1].ended:
        raise Unsound(f"an answer that was cut off: {found[-1]}")
    return found


def _streams(data: bytes) -> bool:
    found = answers(data)
    return bool(found) and found[-1].headers.get("content-type") == "text/event-stream"


def answers(data: bytes) -> list[Heard]:
    """The responses so far; the last may be incomplete. Raises Unsound for what is no HTTP."""
    found: list[Heard] = []
    while b"\r\n\r\n" in data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status, *_ = [*first.split(" "), ""]
        if version != "HTTP/1.1" or not status.isdigit():
            raise Unsound(f"no HTTP: {data!r}")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if status[0] == "1":
            data = rest
            continue
        if "content-length" in headers:
            size = int(headers["content-length"])
            body, data, ended = rest[:size], rest[size:], len(rest) >= size
        elif headers.get("transfer-encoding") == "chunked":
            body, data, ended = _unchunked(rest)
        else:
            body, data, ended = b"", rest, status in ("204", "304")
        found.append(Heard(int(status), headers, body, ended))
        if not ended:
            break
    return found


def _unchunked(data: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while b"\r\n" in data:
        line, _, rest = data.partition(b"\r\n")
        size = int(line.split(b";")[0], 16)
        if len(rest) < size + 2:
            return body + rest[:size], b"", False
        body, data = body + rest[:size], rest[size + 2 :]
        if not size:
            return body, data, True
    return body, b"", False
