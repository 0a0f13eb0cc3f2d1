"""Answers of the operator plane whose integers are exact at any size, which FastAPI's own encoder does not promise.

Lives only here: that one encoding. Must not know what is answered. Called by the routes that show what agents sent.
"""

from typing import Any

from fastapi import Response

from gateway.wire.strict_json import dump


def exact(value: Any) -> Response:
    """The value as JSON."""
    return Response(dump(value), media_type="application/json")
