"""Names: canonical ids, published names, and how a name may be quoted back.

Lives only here: the spelling of a published name. Pure text; must not know schemas, principals or policy. Called by the
rest of this room.
"""

import hashlib
import re
from typing import Final

from gateway.model.tool import ToolId

RESERVED_UPSTREAM: Final = "sallyport"
LONGEST: Final = 46
"""Characters of a published name: model APIs stop at 64 and hosts put a prefix of their own in front."""

_OUTSIDE = re.compile(r"[^A-Za-z0-9_-]")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")


def canonical(upstream: str, tool: str) -> ToolId:
    """`upstream/tool`, the only name people, policy and audit use."""
    return f"{upstream}/{tool}"


def published(prefix: str, tool: ToolId) -> str:
    """`<prefix>_<tool>`, or the tool's own name where the prefix is empty; never more than 46 characters."""
    own = tool.partition("/")[2]
    name = _OUTSIDE.sub("_", f"{prefix}_{own}" if prefix else own)
    if len(name) <= LONGEST:
        return name
    # The hash is of the canonical id, so two long names that differ only at the end stay different.
    return f"{name[: LONGEST - 7]}_{hashlib.sha256(tool.encode()).hexdigest()[:6]}"


def beginning(prefix: str) -> str:
    """How published names begin, unless they are shortened."""
    return _OUTSIDE.sub("_", f"{prefix}_") if prefix else ""


def shown(text: str, longest: int = 64) -> str:
    """A foreign name fit for a sentence of ours: printable ASCII, shortened."""
    return _UNPRINTABLE.sub("?", text[:longest])
