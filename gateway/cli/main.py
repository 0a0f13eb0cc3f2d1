"""The command line put together: every verb, and how it fails in ways nobody foresaw.

Lives only here: the list of verbs. A verb imports what it needs when it runs, so that `sallyport --help` answers at once.
Called by `gateway.__main__`.
"""

from typing import Annotated

import typer

from gateway.cli import voice
from gateway.cli.approvals import approvals
from gateway.cli.audit import audit
from gateway.cli.call import call
from gateway.cli.check import check
from gateway.cli.demo import demo
from gateway.cli.doubt import doubt
from gateway.cli.explain import explain
from gateway.cli.init import init
from gateway.cli.keys import keys
from gateway.cli.kill import kill, resume
from gateway.cli.run import run
from gateway.cli.schema import schema
from gateway.cli.store import store
from gateway.cli.tools import tools
from gateway.cli.usage import usage

app = typer.Typer(
    name="sallyport",
    help="The gateway between AI agents and their tools: curated, permitted, once, cleaned, written down.",
    epilog=voice.EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _about(
    _version: Annotated[
        bool, typer.Option("--version", callback=voice.version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """What holds for every verb."""


for _verb in (demo, run, check, tools, call, explain, kill, resume, usage, init, schema):
    app.command(epilog=voice.EPILOG)(_verb)
app.add_typer(approvals, name="approvals")
app.add_typer(audit, name="audit")
app.add_typer(doubt, name="doubt")
app.add_typer(keys, name="keys")
app.add_typer(store, name="store")
