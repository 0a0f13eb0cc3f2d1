"""`sallyport run`: load, check, serve until told to stop.

Lives only here: what stands between a person and a start that would fail, and how such a failure is worded. The house
itself is put together in `gateway.app`.
"""

import errno
from pathlib import Path
from typing import NoReturn

from gateway.cli import place, voice


def run(config: place.ConfigPath = place.DEFAULT) -> None:
    """Start the gateway; Ctrl-C or SIGTERM ends it."""
    import asyncio

    import uvloop

    found = place.whole(config)
    from gateway import app
    from gateway.audit.torn import JournalDamaged
    from gateway.checking import check
    from gateway.model.work import StoreUnavailable
    from gateway.state import StateUnusable

    if faults := check(found, place.base(config)):
        voice.fail("\n".join(faults))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(app.serve(found, place.base(config)))
        except (StateUnusable, JournalDamaged, StoreUnavailable) as error:
            voice.fail(f"{config}: {error}")
        except OSError as error:
            _not_started(error, config)


def _not_started(error: OSError, config: Path) -> NoReturn:
    what = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        voice.fail(f"{config}: {what}: stop the other program, or change listen.agent or listen.operator.")
    where = f"{error.filename}: " if error.filename else ""
    voice.fail(f"{config}: {where}{what}: correct this and start again.")
