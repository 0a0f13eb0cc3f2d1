"""`sallyport store …`: how the home of the ledger stands, and what to do when it lost its memory.

Lives only here: the two verbs. Accepting a loss is dangerous on purpose and says so. Needs a running gateway.
"""

from typing import Annotated

import typer

from gateway.cli import place, voice

store = typer.Typer(
    help="Look at the ledger's store; accept that it lost its memory.", no_args_is_help=True, epilog=voice.EPILOG
)


@store.command(epilog=voice.EPILOG)
def status(config: place.ConfigPath = place.DEFAULT, json: voice.Json = False) -> None:
    """Show whether calls that leave traces can be sent, and if not, why; exit code 1 when they cannot."""
    from gateway.cli.client import Operator

    found = Operator(config).get("/store")
    if json:
        voice.as_json(found)
    else:
        voice.say(voice.plain(found["store"]))
    if not (found["store"] == "ok" or found["store"].startswith("ok,")):
        raise typer.Exit(voice.REFUSED)


@store.command("accept-loss", epilog=voice.EPILOG)
def accept_loss(
    why: Annotated[str, typer.Option("--why", help="Why; written into the audit journal.")],
    config: place.ConfigPath = place.DEFAULT,
) -> None:
    """Use a store again that lost its memory: calls it knew of, also those in doubt, may then be made a second time."""
    from gateway.cli.client import Operator

    Operator(config).post("/store/accept-loss", {"why": why})
    voice.say("accepted: calls that leave traces are sent again")
    voice.note(
        "Calls of before this moment are forgotten by every gateway that shares the store; the journals still know them."
    )
