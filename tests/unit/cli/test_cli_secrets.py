"""What counts as a secret leans one way; what is masked cannot be read back."""

import pytest

from gateway.cli.secrets import harmless, shaped, without_secrets


@pytest.mark.parametrize(
    "value",
    ["debug", "true", "3000", "/srv/data", "./db.sqlite", "~/x", "repos,issues", "eu-west-1", "https://x.example/mcp", "", "gpt-4o", "DEBUG"],
)  # fmt: skip
def test_plain_settings_may_stay(value: str) -> None:
    assert harmless("SETTING", value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_KEY", "abc"),
        ("DB_PASSWORD", "debug"),
        ("GITHUB_PAT", "x"),
        ("Authorization", "Bearer abc"),
        ("SETTING", "ghp_0123456789abcdef"),
        ("SETTING", "https://user:pw@x.example"),
        ("SETTING", "https://x.example/?token=abc"),
        ("SETTING", "https://x.example/hooks/a8Fk29dLq0Zm4Xw7Rt1B"),
        ("SETTING", "550e8400-e29b-41d4-a716-446655440000"),
        ("SETTING", "eyJhbGciOiJIUzI1NiJ9.e30.x"),
        ("SETTING", "correct horse battery"),
        ("SETTING", "hunter2!"),
        ("SETTING", "/srv/sk-live-0123456789"),
    ],
)
def test_what_might_be_a_secret_may_not(name: str, value: str) -> None:
    assert not harmless(name, value)


def test_a_path_may_stay_even_where_the_name_says_key() -> None:
    assert harmless("SSH_KEY_FILE", "/home/a/.ssh/id")


@pytest.mark.parametrize(
    "text",
    ["https://user:s3cretpw@h/mcp", "https://h/mcp?api_key=s3cretpw", "--x=sk-s3cretpw1", "Bearer s3cretpw", "s3cretpw" * 3],
)  # fmt: skip
def test_masking_leaves_nothing_of_a_secret(text: str) -> None:
    assert shaped(text)
    assert "s3cret" not in without_secrets(text, "•••")


def test_masking_leaves_everything_else() -> None:
    text = "npx -y @scope/server@2025.4.8 --dir=/srv/data https://x.example/mcp?page=2"
    assert without_secrets(text, "•••") == text
