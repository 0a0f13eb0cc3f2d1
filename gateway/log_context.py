"""Which call a line of the log belongs to.

Lives only here: the variable that goes with the task of a call, and with every task it starts. Must not know loggers or
formats. The road sets it, `telemetry.logs` reads it.
"""

from contextvars import ContextVar

_current: ContextVar[tuple[str, str] | None] = ContextVar("call of this task", default=None)


def on(call_id: str, trace_id: str) -> None:
    """From here on this task works on that call."""
    _current.set((call_id, trace_id))


def current() -> tuple[str, str] | None:
    """(call id, trace id), or None beside the road."""
    return _current.get()
