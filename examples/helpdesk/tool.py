"""What a tool is: one row of the tool tables, and how that row looks on the MCP wire."""

import inspect
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

import mcp_types as types

Schema = dict[str, Any]
Answer = dict[str, Any] | str


class Effect(Enum):
    READ = "read"
    IDEMPOTENT = "idempotent"
    MUTATING = "mutating"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool: `function` takes the database and the arguments, and answers a text or, with `answer`, an object.

    `destructive` means that the call overwrites what somebody wrote or owns, or cannot be undone.
    """

    name: str
    description: str
    effect: Effect
    function: Callable[..., Answer | Awaitable[Answer]]
    arguments: dict[str, Schema]
    answer: Schema | None = None
    destructive: bool = False
    open_world: bool = False

    def __post_init__(self) -> None:
        if set(self._parameters) != set(self.arguments):
            raise TypeError(f"{self.name}: the arguments of the table are not those of {self.function}")

    @cached_property
    def _parameters(self) -> dict[str, inspect.Parameter]:
        """By the name they have on the wire: a parameter called like a builtin ends in an underscore here."""
        _db, *parameters = inspect.signature(self.function).parameters.values()
        return {parameter.name.rstrip("_"): parameter for parameter in parameters}

    def run(self, db: sqlite3.Connection, arguments: dict[str, Any]) -> Answer | Awaitable[Answer]:
        return self.function(db, **{self._parameters[name].name: value for name, value in arguments.items()})

    @cached_property
    def input_schema(self) -> Schema:
        """The JSON Schema of the arguments: required are those for which the function has no default."""
        required = [name for name, parameter in self._parameters.items() if parameter.default is parameter.empty]
        return {
            "type": "object",
            "properties": self.arguments,
            "required": required,
            "additionalProperties": False,
        }

    @cached_property
    def on_the_wire(self) -> types.Tool:
        return types.Tool(
            name=self.name,
            description=self.description,
            input_schema=self.input_schema,
            output_schema=self.answer,
            annotations=types.ToolAnnotations(
                read_only_hint=self.effect is Effect.READ,
                idempotent_hint=self.effect is not Effect.MUTATING,
                destructive_hint=self.destructive,
                open_world_hint=self.open_world,
            ),
        )
