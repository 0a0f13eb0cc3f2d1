"""`sallyport keys …`: API keys of agents, made, listed, revoked.

Lives only here: the three verbs and how an expiry is written. While the gateway runs they go through the operator API and
so into the audit journal; without it they change the key file itself. A key is shown once and kept nowhere.
"""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli import place, voice

if TYPE_CHECKING:
    from gateway.identity.keyring import Keyring

keys = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True, epilog=voice.EPILOG)

_SPAN = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OFFLINE = "The gateway does not run: changed the key file itself; the audit journal does not know of it."


@keys.command(epilog=voice.EPILOG)
def new(
    agent: Annotated[str, typer.Option("--agent", help="The agent the key proves.")],
    user: Annotated[str | None, typer.Option("--user", help="The user it acts for; without one, a machine.")] = None,
    tenant: Annotated[str, typer.Option("--tenant")] = "default",
    expires: Annotated[str | None, typer.Option("--expires", help="30d, 12h, or an RFC 3339 time.")] = None,
    key_id: Annotated[str | None, typer.Option("--id", help="Id of the key; default: random.")] = None,
    config: place.ConfigPath = place.DEFAULT,
    json: voice.Json = False,
) -> None:
    """Make a key. It is printed once, alone on stdout, and cannot be shown again."""
    from gateway.cli.client import Operator
    from gateway.clock import SystemClock

    until = None if expires is None else expiry(expires, SystemClock().now())
    operator = Operator(config)
    if operator.running():
        order = {"agent": agent, "user": user, "tenant": tenant, "id": key_id}
        moment = None if until is None else datetime.fromtimestamp(until, UTC).isoformat()
        made = operator.post("/keys", {**order, "expires": moment})
    else:
        from gateway.identity.keyring import KeyFault

        _known(agent, config)
        try:
            chosen, secret = _ring(config).new(agent, user, tenant, expires_at=until, key_id=key_id)
        except KeyFault as error:
            voice.fail(f"{error}.")
        voice.note(_OFFLINE)
        made = {"id": chosen, "key": secret}
    if json:
        voice.as_json(made)
        return
    voice.say(made["key"])
    whom = f"{agent} for {user}" if user else f"{agent} as a machine"
    voice.note(f"key {made['id']} proves {whom} ({tenant}){f' until {expires}' if expires else ''}; shown only now")


@keys.command(epilog=voice.EPILOG)
def ls(config: place.ConfigPath = place.DEFAULT, json: voice.Json = False) -> None:
    """List the keys made at run time; never their secrets."""
    from gateway.cli.client import Operator

    operator = Operator(config)
    online = operator.running()
    found = operator.get("/keys") if online else [key.model_dump() for key in _ring(config).ls()]
    shown = [{name: value for name, value in key.items() if name != "hash"} for key in found]
    if json:
        voice.as_json(shown)
    elif shown:
        voice.table(("id", "agent", "user", "tenant", "created", "expires", "revoked"), shown)
    else:
        voice.note("no keys; make one with `sallyport keys new --agent A --user U`")


@keys.command(epilog=voice.EPILOG)
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")],
    config: place.ConfigPath = place.DEFAULT,
) -> None:
    """Revoke a key; it proves nothing from the next second on."""
    from urllib.parse import quote

    from gateway.cli.client import Operator
    from gateway.identity.keyring import KeyFault

    operator = Operator(config)
    if operator.running():
        operator.delete(f"/keys/{quote(key_id, safe='')}")
    else:
        try:
            if not _ring(config).revoke(key_id):
                voice.fail(f"There is no key {voice.plain(key_id)!r}; `sallyport keys ls` lists them.")
        except KeyFault as error:
            voice.fail(f"{error}.")
        voice.note(_OFFLINE)
    voice.say(f"revoked: {voice.plain(key_id)}")


def expiry(text: str, now: float) -> float:
    """`30d` from now, or an RFC 3339 moment, as Unix seconds; ends the verb for anything else, or for the past."""
    if span := _SPAN.fullmatch(text):
        return now + int(span[1]) * _SECONDS[span[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        voice.fail(f"--expires {text}: write 30d, 12h, or a moment such as 2030-01-31T00:00:00Z.", voice.USAGE)
    if moment.timestamp() <= now:
        voice.fail(f"--expires {text}: that is past; the key would prove nothing.", voice.USAGE)
    return moment.timestamp()


def _written(config: Path) -> dict[str, Any]:
    from gateway.config.written import read_yaml

    return read_yaml(config)[0]


def _known(agent: str, config: Path) -> None:
    """Without a gateway, a key of an agent that is not configured is odd, not wrong: the agent may come later."""
    place.addresses(config)
    agents = _written(config).get("agents")
    if not isinstance(agents, dict) or agent not in agents:
        voice.note(f"{config} has no agent {voice.plain(agent)!r} yet: the key proves it, but it will see no tools.")


def _ring(config: Path) -> "Keyring":
    """The key file of a gateway that does not run."""
    from gateway.clock import SystemClock
    from gateway.identity.keyring import Keyring

    folder = place.state_dir(place.addresses(config), config)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        voice.fail(f"{folder}: {error.strerror}: correct state.dir of {config}, or the folder's owner.")
    identity = _written(config).get("identity")
    written = identity.get("keys") if isinstance(identity, dict) else None
    taken = {key.get("id") for key in written or () if isinstance(key, dict)}
    return Keyring(folder / "keys.json", SystemClock(), {name for name in taken if isinstance(name, str)})
