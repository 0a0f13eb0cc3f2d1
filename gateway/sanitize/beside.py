"""Results beside those of tools: prompts, resources and completions, each in its own form, limits enforced.

Lives only here: what these are made of (MCP 2026-07-28, GetPromptResult, ReadResourceResult, CompleteResult). Members nobody
knows survive, with their strings cleaned. Must not know how a string is cleaned, nor who asked. Called by `room.py`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from gateway.model.cleaned import Cleaned
from gateway.sanitize.blocks import Blocks, Malformed, checked, kept
from gateway.sanitize.walk import Walk

Kind = Literal["prompt", "resource", "completion"]
_Clean = Callable[[Blocks, Any, Walk], Any]


def clean(result: Mapping[str, Any], kind: Kind, blocks: Blocks) -> Cleaned:
    """The result, cleaned; the same object when there was nothing to do. Raises Malformed, TooMuch."""
    whole = dict(result)
    name, check, cleaned = _FORMS[kind]
    check(whole.get(name))
    if blocks.plainly_clean(whole):
        return Cleaned(result, {})
    walk = blocks.walk()
    new: dict[str, Any] = {}
    for member, value in whole.items():
        walk.told(member, "key-hidden")
        new[member] = cleaned(blocks, value, walk) if member == name else blocks.over(value, walk)
    return Cleaned(new if any(new[member] is not whole[member] for member in whole) else result, dict(+walk.found))


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list):
        raise Malformed("its messages are not a list")
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise Malformed("a message is not an object with a role")
        checked(message.get("content"))


def _messages(blocks: Blocks, messages: list[dict[str, Any]], walk: Walk) -> list[dict[str, Any]]:
    return kept(messages, [_message(blocks, message, walk) for message in messages])


def _message(blocks: Blocks, message: dict[str, Any], walk: Walk) -> dict[str, Any]:
    content = blocks.block(message["content"], walk)
    rest: dict[str, Any] = blocks.over({**message, "content": ""}, walk)
    new = rest | {"content": content}
    return message if new == message else new


def _check_contents(contents: Any) -> None:
    if not isinstance(contents, list):
        raise Malformed("its contents are not a list")
    for one in contents:
        if not isinstance(one, dict) or not isinstance(one.get("uri", ""), str):
            raise Malformed("one of its contents is not an object, or its uri no text")
        texts = [one[name] for name in ("text", "blob") if name in one]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise Malformed("one of its contents has neither text nor blob")


def _contents(blocks: Blocks, contents: list[dict[str, Any]], walk: Walk) -> list[dict[str, Any]]:
    return kept(contents, [blocks.contents(one, walk) for one in contents])


def _check_completion(completion: Any) -> None:
    values = completion.get("values") if isinstance(completion, dict) else None
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise Malformed("its completion has no list of texts")


def _completion(blocks: Blocks, completion: dict[str, Any], walk: Walk) -> Any:
    return blocks.over(completion, walk)


_FORMS: Final[Mapping[Kind, tuple[str, Callable[[Any], None], _Clean]]] = {
    "prompt": ("messages", _check_messages, _messages),
    "resource": ("contents", _check_contents, _contents),
    "completion": ("completion", _check_completion, _completion),
}
"""By kind: the member that makes the result what it is, its form, its cleaning."""
