"""`sallyport usage`: budgets as a person sees them; the operator plane is the real one."""

import json
from pathlib import Path

from cli_stage import Office, Run


def test_usage_is_a_table_for_people_and_exact_for_programs(sallyport: Run, gateway: Path, office: Office) -> None:
    lines = sallyport("usage").stdout.splitlines()
    assert lines[0].split() == ["SCOPE", "ID", "UNIT", "WINDOW", "USED", "HELD", "LIMIT", "RESETS", "AT", "TENANT"]
    assert "whole life" in lines[2]
    (row,) = json.loads(sallyport("usage", "--scope", "user", "--id", "alice", "--json").stdout)
    assert (row["used"], row["limit"]) == ("2.5", "5")


def test_usage_says_so_where_nothing_is_counted(sallyport: Run, gateway: Path, office: Office) -> None:
    assert "nothing is counted" in sallyport("usage", "--id", "nobody").stdout


def test_usage_of_a_scope_that_is_none_is_refused_with_the_scopes_there_are(sallyport: Run, gateway: Path) -> None:
    done = sallyport("usage", "--scope", "team")
    assert done.exit_code == 1
    assert "'session', 'run', 'user', 'agent', 'tool' or 'tenant'" in done.stderr
