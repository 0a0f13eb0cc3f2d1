"""keys new, ls, revoke: through the gateway, and on the key file when none runs."""

import json
from pathlib import Path

import pytest
from cli_stage import Office, Run, write_config

from gateway.clock import SystemClock
from gateway.identity.keyring import Keyring


def test_a_new_key_stands_alone_on_stdout(sallyport: Run, gateway: Path, office: Office) -> None:
    order = ("--agent", "support-bot", "--user", "alice", "--expires", "30d", "--id", "k-1")
    done = sallyport("keys", "new", *order)
    assert done.stdout == "sp_k-1_secret\n"
    assert "key k-1 proves support-bot for alice" in done.stderr
    assert office.made[0]["agent"] == "support-bot"
    assert office.made[0]["expires"] > SystemClock().now() + 29 * 86400


def test_a_gateway_that_runs_makes_no_key_for_an_agent_it_does_not_have(
    sallyport: Run, gateway: Path, office: Office
) -> None:
    done = sallyport("keys", "new", "--agent", "suport-bot")
    assert done.exit_code == 1
    assert "there is no agent 'suport-bot'; configured are support-bot" in done.stderr
    assert (done.stdout, office.made) == ("", [])


def test_keys_are_listed_and_revoked_through_the_gateway(sallyport: Run, gateway: Path, office: Office) -> None:
    assert json.loads(sallyport("keys", "ls", "--json").stdout)[0]["id"] == "k-1"
    assert sallyport("keys", "revoke", "k-1").exit_code == 0
    assert ("local", "keys.revoke", {"id": "k-1"}) in office.acts
    done = sallyport("keys", "revoke", "k/2")
    assert done.exit_code == 1
    assert "no key 'k/2'" in done.stderr or "Not Found" in done.stderr


def test_without_a_gateway_the_key_file_is_changed_and_that_is_said(sallyport: Run, folder: Path) -> None:
    write_config(folder)
    done = sallyport("keys", "new", "--agent", "support-bot", "--user", "alice", "--id", "laptop")
    assert done.stdout.startswith("sp_laptop_")
    assert "the audit journal does not know of it" in done.stderr
    assert "has no agent 'support-bot' yet" in done.stderr
    stored = Keyring(folder / ".sallyport/keys.json", SystemClock()).ls()
    assert [(key.id, key.agent, key.user) for key in stored] == [("laptop", "support-bot", "alice")]
    listed = sallyport("keys", "ls")
    assert "laptop" in listed.stdout
    assert "sha256" not in sallyport("keys", "ls", "--json").stdout
    assert sallyport("keys", "revoke", "laptop").exit_code == 0
    assert Keyring(folder / ".sallyport/keys.json", SystemClock()).ls()[0].revoked is not None
    assert sallyport("keys", "revoke", "nobody").exit_code == 1


def test_an_id_of_the_configuration_cannot_be_taken_offline(sallyport: Run, folder: Path) -> None:
    key = f"{{id: ci, hash: 'sha256:{'0' * 64}', agent: bot}}"
    write_config(folder, more=f"identity: {{keys: [{key}]}}\nagents: {{bot: {{tools: []}}}}\n")
    done = sallyport("keys", "new", "--agent", "bot", "--id", "ci")
    assert done.exit_code == 1
    assert "there is a key ci already" in done.stderr


@pytest.mark.parametrize("text", ["soon", "30", "2030-01-01", "2030-01-01T00:00:00", "2001-01-01T00:00:00Z", "-1d"])
def test_an_expiry_that_means_nothing_or_the_past_is_wrong_usage(sallyport: Run, folder: Path, text: str) -> None:
    write_config(folder)
    done = sallyport("keys", "new", "--agent", "bot", f"--expires={text}")
    assert done.exit_code == 2
    assert f"--expires {text}" in done.stderr
    assert not (folder / ".sallyport/keys.json").exists()
