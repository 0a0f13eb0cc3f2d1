"""The rounds of a call that asks its client for more (2026-07-28, SEP-2322): what a retry carries, what a client may be asked.

Lives only here: the members `inputResponses`, `inputRequests` and `requestState`, and which capabilities a question needs.
Pure functions; they return values or refuse. Must not know seals, parked calls or the road. Called by the modern
conversation's calls and its interviews.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from gateway.model.dialogue import ASKED
from gateway.model.outcome import INPUT_REQUIRED
from gateway.model.refusal import Reason, Refusal, Refused
from gateway.wire.jsonrpc import META_OUTCOME

_NOTHING: Final[Mapping[str, Any]] = {}
_OF_ANOTHER_ERA: Final = frozenset({"_meta", "task", "elicitationId"})
"""Members of a legacy server's question that mean nothing to a client which is asked in a result."""
_UNREADABLE: Final = Refusal(
    Reason.UPSTREAM_INVALID, "The tool asked for more input in a form that nobody can answer.", executed="no"
)


def can(declared: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a client declared of the kinds it can be asked."""
    if not declared:
        return _NOTHING
    return {kind: declared[kind] for kind in ASKED.values() if isinstance(declared.get(kind), dict)}


def lacking(capabilities: Mapping[str, Any], method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The capability this question needs and the client did not declare, in the form of `ClientCapabilities`; or nothing.

    `elicitation: {}` means forms only.
    """
    kind = ASKED[method]
    if (declared := capabilities.get(kind)) is None:
        return {kind: {}}
    match kind:
        case "elicitation":
            mode = "url" if params.get("mode") == "url" else "form"
            return {} if mode in declared or (mode == "form" and not declared) else {kind: {mode: {}}}
        case "sampling" if ("tools" in params or "toolChoice" in params) and "tools" not in declared:
            return {kind: {"tools": {}}}
        case _:
            return {}


def given(params: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any] | None]:
    """State and answers of a later round. Raises Refused: invalid-params."""
    state, responses = params.get("requestState"), params.get("inputResponses")
    if "requestState" in params and not isinstance(state, str):
        raise Refused(Reason.INVALID_PARAMS, "params.requestState is not a string.")
    if "inputResponses" in params and not (
        isinstance(responses, dict) and all(isinstance(one, dict) for one in responses.values())
    ):
        raise Refused(Reason.INVALID_PARAMS, "params.inputResponses is not an object of objects.")
    return state, responses


def asking(questions: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The result that asks for answers to these, each a method and its params."""
    return {
        "resultType": INPUT_REQUIRED,
        "inputRequests": {
            key: {"method": method, "params": {name: of for name, of in params.items() if name not in _OF_ANOTHER_ERA}}
            for key, (method, params) in questions.items()
        },
    }


def waiting(told: Mapping[str, Any]) -> dict[str, Any]:
    """The result that asks for nothing but to come again at once with its state: a long poll. `told` says what for."""
    return {"resultType": INPUT_REQUIRED, "_meta": {META_OUTCOME: told}}


def unanswerable(result: Mapping[str, Any], capabilities: Mapping[str, Any]) -> Refusal | None:
    """Why what an upstream asks for in its result cannot be put to this client, or None."""
    requests, state = result.get("inputRequests", _NOTHING), result.get("requestState")
    if not isinstance(requests, Mapping) or not isinstance(state, str | None) or not (requests or state is not None):
        return _UNREADABLE
    missing: dict[str, Any] = {}
    for one in requests.values():
        match one:
            case {"method": str(method)} if method in ASKED and isinstance(params := one.get("params", {}), Mapping):
                _add(missing, lacking(capabilities, method, params))
            case _:
                return _UNREADABLE
    return _undeclared(missing) if missing else None


def _add(missing: dict[str, Any], more: Mapping[str, Any]) -> None:
    for kind, members in more.items():
        missing[kind] = {**missing.get(kind, {}), **members}


def _undeclared(missing: Mapping[str, Any]) -> Refusal:
    return Refusal(
        Reason.MISSING_CAPABILITY,
        f"The call needs to ask its client, which did not declare {_spelled(missing)}.",
        data={"requiredCapabilities": missing},
    )


def _spelled(missing: Mapping[str, Mapping[str, Any]]) -> str:
    names: Iterable[str] = (".".join([kind, *members]) for kind, members in sorted(missing.items()))
    return ", ".join(names)
