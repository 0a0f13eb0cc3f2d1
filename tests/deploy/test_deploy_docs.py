"""What docs/deploy.md tells people to write and to type is true: values render, commands parse, names agree."""

import itertools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import typer
import yaml
from deploy_kit import KUBERNETES, ROOT, Rendered, Values, invalid, laid, render

from gateway.cli.main import app
from gateway.identity.apikey import hashed, well_formed

PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = [text for language, text in FENCE.findall(PAGE) if language == "sh"]
FILES = {
    text.split("\n", 1)[0].removeprefix("# "): text for language, text in FENCE.findall(PAGE) if language == "yaml"
}
TYPED = [shlex.split(line, comments=True) for text in SHELL for line in text.replace("\\\n", " ").splitlines()]
HELM = [words for words in TYPED if words[:1] == ["helm"]]


def values(words: list[str]) -> dict[str, Any]:
    """The values that a helm command would lay together."""
    made: dict[str, Any] = {}
    for option, said in itertools.pairwise(words):
        match option:
            case "-f":
                made = laid(made, yaml.safe_load(FILES[said]))
            case "--set-file":
                place, _, path = said.partition("=")
                made = laid(made, nested(place, (ROOT / path).read_text(encoding="utf-8")))
    return made


def nested(place: str, value: str) -> Values:
    for part in reversed(place.split(".")):
        value = {part: value}
    return value


def installed(words: list[str]) -> Rendered:
    plain = [word for word in words[1:] if not word.startswith("-")]
    assert plain[0] in {"template", "upgrade"}
    assert plain[1:4] == ["desk", "helm", "agents"], "release, chart, namespace"
    return render(values(words), name=plain[1])


@pytest.mark.parametrize("words", HELM, ids=" ".join)
def test_every_helm_command_renders(words: list[str]) -> None:
    manifests = installed(words).manifests

    assert {version: found for version in KUBERNETES if (found := invalid(manifests, version))} == {}


def test_every_values_file_is_used_by_a_command() -> None:
    used = {said for words in HELM for option, said in itertools.pairwise(words) if option == "-f"}

    assert used == set(FILES) - {"Chart.yaml", "templates/deployment.yaml"}


def test_every_shell_block_is_shell() -> None:
    for text in SHELL:
        subprocess.run(["sh", "-n"], input=text, text=True, check=True, timeout=10)


def made_secrets() -> dict[str, set[str]]:
    lines = [words for words in TYPED if words[3:6] == ["create", "secret", "generic"]]
    return {
        words[6]: {word.partition("=")[2].partition("=")[0] for word in words if word.startswith("--from-literal=")}
        for words in lines
    }


def named_secrets(value: Any) -> Iterator[tuple[str, str]]:
    """(Secret, key) of every reference in a manifest."""
    match value:
        case {"secretKeyRef": {"name": name, "key": key}}:
            yield name, key
        case {"secret": {"name": name, "items": items}}:
            yield from ((name, item["key"]) for item in items)
        case dict():
            yield from (found for inner in value.values() for found in named_secrets(inner))
        case list():
            yield from (found for inner in value for found in named_secrets(inner))


@pytest.mark.parametrize("words", HELM, ids=" ".join)
def test_the_secrets_that_are_named_are_those_that_were_made(words: list[str]) -> None:
    named = set(named_secrets(list(installed(words).manifests)))

    assert named
    assert {(name, key) for name, key in named if key not in made_secrets().get(name, set())} == set()


def test_the_key_and_its_hash_are_what_the_gateway_wants() -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (block,) = (text for text in SHELL if "KEY=" in text)
    lines = [line for line in block.splitlines() if not line.startswith(("kubectl", "#"))]

    told = subprocess.run(["sh", "-c", "\n".join([*lines, 'echo "$KEY"'])], capture_output=True, text=True, check=True)

    hash_, key = told.stdout.split()
    assert well_formed(key)
    assert hash_ == hashed(key)


def test_what_is_run_inside_the_container_is_a_verb() -> None:
    inside = re.findall(r"-- sallyport ([^`\n]+)", PAGE)

    assert len(inside) >= 3
    for line in inside:
        typer.main.get_command(app).make_context("sallyport", shlex.split(line))


def test_the_values_that_the_page_names_exist() -> None:
    known = yaml.safe_load((ROOT / "helm/values.yaml").read_text(encoding="utf-8"))
    named = re.findall(r"`((?:ledger|secret|journal|policies|networkPolicy|agent|image)\.\w+)", PAGE)

    assert named
    assert [name for name in named if name.split(".")[1] not in known[name.split(".")[0]]] == []


def test_the_metrics_that_the_page_names_exist() -> None:
    told = set(re.findall(r"sallyport_\w+", PAGE))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "gateway").rglob("*.py"))

    assert {name for name in told if f'"{name}"' not in source} == set()
