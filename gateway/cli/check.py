"""`sallyport check`: is the configuration right, and what does it amount to? Offline.

Lives only here: the order of what is printed, and the list of tools whose effect nobody has confirmed. Faults come from
`gateway.config.load` and `gateway.checking`, as do warnings; the masked YAML from `effective`.
"""

from typing import TYPE_CHECKING

from gateway.cli import place, voice

if TYPE_CHECKING:
    from gateway.config.schema import Config


def check(config: place.ConfigPath = place.DEFAULT) -> None:
    """Check configuration and policy without touching the network; print the effective configuration, secrets masked.

    Faults go to stderr, one `file:line: what: remedy` a line; so do warnings, of what is allowed and can never match.
    """
    found = place.whole(config)
    from gateway.checking import check as faults_of
    from gateway.checking import warnings
    from gateway.cli.effective import rendered
    from gateway.config.written import read_yaml

    written, _ = read_yaml(config)
    voice.say(f"# Effective configuration of {config}; unmarked values: the file, or the default.")
    voice.say(rendered(found, written))
    for line in _unset(found):
        voice.say(f"# {line}")
    if faults := faults_of(found, place.base(config)):
        voice.fail("\n".join(faults))
    for line in warnings(found, place.base(config)):
        voice.note(f"warning: {voice.plain(line)}")
    voice.note(f"{config}: no faults")


def _unset(config: "Config") -> list[str]:
    """What to say about effects that were left open."""
    named = [
        f"{upstream}/{tool}"
        for upstream, section in config.upstreams.items()
        if section.kind != "openapi"
        for tool, settings in section.tools.items()
        if settings.effect == "unset"
    ]
    lines = [f"effect unset: {name}" for name in named]
    lines.append(
        "Tools that no upstreams.*.tools entry names are unset too, but for those of OpenAPI documents, which follow their"
        " methods; `sallyport tools --agent A` shows them all."
    )
    return lines
