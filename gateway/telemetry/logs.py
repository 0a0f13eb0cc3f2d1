"""Lines of the log on stderr, for people or for machines, with the call they belong to.

Lives only here: the two forms of a line, and who is kept quiet. Nothing secret is ever logged, so there is nothing to
filter; texts of exceptions go here and nowhere else. Must not know rooms. Called once by `app.serve`.
"""

import json
import logging
from typing import Literal

from gateway import log_context
from gateway.model.audit import stamp

_NOISY = ("aiohttp", "httpx2", "httpcore2", "urllib3", "watchfiles", "uvicorn.error")
_MUTE = ("opentelemetry.exporter", "opentelemetry.sdk")
"""An exporter that is away would tell so with every batch; `spans` says it once."""


class _Text(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        line = super().formatMessage(record)
        return line if (ids := log_context.current()) is None else f"{line} (call {ids[0]}, trace {ids[1]})"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": stamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (ids := log_context.current()) is not None:
            line["call"], line["trace"] = ids
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr(level: str, form: Literal["text", "json"] = "text") -> None:
    """One event, one line (in text form an exception has more). JSON is plain ASCII, whatever a message holds."""
    stderr = logging.StreamHandler()
    stderr.setFormatter(_Json() if form == "json" else _Text("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[stderr], force=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    for name in _MUTE:
        logging.getLogger(name).setLevel(logging.CRITICAL)
