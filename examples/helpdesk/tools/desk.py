"""The tools about the desk itself, two of them for tests and benchmarks."""

from examples.helpdesk.store import desk
from examples.helpdesk.tool import Effect, Tool

TABLE = (
    Tool(
        name="desk_report",
        description="Say in a few lines how many tickets, refunds and mails there are.",
        effect=Effect.READ,
        function=desk.report,
        arguments={},
    ),
    Tool(
        name="desk_echo",
        description="Answer with the text given.",
        effect=Effect.READ,
        function=desk.echo,
        arguments={"text": {"type": "string", "maxLength": 1_000_000, "description": "Any text"}},
    ),
    Tool(
        name="desk_slow",
        description="Answer after the given number of seconds.",
        effect=Effect.READ,
        function=desk.slow,
        arguments={"seconds": {"type": "number", "minimum": 0, "maximum": 120, "description": "How long to wait"}},
    ),
)
