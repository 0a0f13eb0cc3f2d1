"""Logs go to stderr, a line an event, with the call they belong to; machines get objects."""

import asyncio
import json
import logging
from collections.abc import Iterator
from contextvars import copy_context

import pytest

from gateway import log_context
from gateway.tasks import Tasks
from gateway.telemetry import log_to_stderr

CALL, TRACE = "0197a0c4-6e5f-7abc-8def-0123456789ab", "1" * 32


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back afterwards without closing what the tests' own logging writes to."""
    root = logging.getLogger()
    noisy = [
        logging.getLogger(name)
        for name in (
            "aiohttp",
            "httpx2",
            "httpcore2",
            "urllib3",
            "watchfiles",
            "uvicorn.error",
            "opentelemetry.exporter",
            "opentelemetry.sdk",
        )
    ]
    handlers, levels = root.handlers[:], [logger.level for logger in (root, *noisy)]
    root.handlers.clear()
    yield root
    root.handlers[:] = handlers
    for logger, level in zip((root, *noisy), levels, strict=True):
        logger.setLevel(level)


def test_logs_are_lines_on_stderr_and_libraries_are_quiet(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr("info")
    logging.getLogger("sallyport").info("policy version %s is in force", "v2")
    logging.getLogger("aiohttp").info("chatter")
    logging.getLogger("sallyport").debug("detail")

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.endswith(" INFO sallyport: policy version v2 is in force\n")
    assert said.err.count("\n") == 1


def test_libraries_are_never_louder_than_asked(root: logging.Logger) -> None:
    log_to_stderr("error")

    assert logging.getLogger("watchfiles").getEffectiveLevel() == logging.ERROR


def say(message: str, *parts: object, on: bool = True) -> None:
    if on:
        log_context.on(CALL, TRACE)
    logging.getLogger("sallyport").info(message, *parts)


def test_a_line_names_the_call_it_belongs_to_and_no_other_does(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr("info")

    copy_context().run(say, "held")
    say("beside", on=False)

    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith(f" INFO sallyport: held (call {CALL}, trace {TRACE})")
    assert second.endswith(" INFO sallyport: beside")


def test_a_machine_gets_one_object_per_line_whatever_a_message_holds(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    log_to_stderr("info", "json")

    copy_context().run(say, "a %s\nb", "\x1b[2J\u2028\ud800")
    say("beside", on=False)

    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info", "logger": "sallyport", "message": "a \x1b[2J\u2028\ud800\nb", "call": CALL, "trace": TRACE,
    }  # fmt: skip
    assert second.keys() == {"time", "level", "logger", "message"}


def test_the_text_of_an_exception_stands_in_its_line(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr("info", "json")

    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("sallyport").exception("it broke")

    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["message"]) == ("error", "it broke")
    assert line["exception"].endswith("ValueError: why")


async def test_the_call_goes_with_the_tasks_it_starts_and_not_with_its_neighbours() -> None:
    tasks = Tasks()

    async def walk(call: str) -> tuple[str, str] | None:
        log_context.on(call, TRACE)

        async def detached() -> tuple[str, str] | None:
            await asyncio.sleep(0)
            return log_context.current()

        return await tasks.start(detached(), "call")

    found = await asyncio.gather(*(tasks.start(walk(call), call) for call in ("c-1", "c-2")))

    assert found == [("c-1", TRACE), ("c-2", TRACE)]
    assert log_context.current() is None
