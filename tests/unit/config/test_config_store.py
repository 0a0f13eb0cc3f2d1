"""Where the ledger lives: what is wrong with its URL is told before anything starts, and never with the password in it."""

from pathlib import Path

import pytest
from config_kit import faults, loaded

from gateway.config.values import store_home

URLS = [
    "redis://redis",
    "redis://127.0.0.1:6379/0",
    "redis://:p%40ss@redis:6379",
    "redis://user:p@ss@redis.data.svc:6379/3",
    "redis://[::1]:6379/0",
    "rediss://:word@redis/0?ssl_ca_certs=/etc/ca.pem&ssl_check_hostname=no",
]
NO_URLS = [
    ("mysql://:hunter2@redis", "write sqlite, or"),
    ("Redis", "write sqlite, or"),
    ("redis://:hunter2@red is", "write sqlite, or"),
    ("redis://:hunter2@/0", "write sqlite, or"),
    ("redis://:hunter2#2@redis:6379/0", "# is %23"),
    ("redis://:hunter2/2@redis:6379/0", "/ is %2F"),
    ("redis://:hunter2?2@redis:6379/0", "? is %3F"),
    ("redis://:22/hunter2@redis:6379/0", "/ is %2F"),
    ("redis://:hunter2[@redis:6379/0", "write sqlite, or"),
    ("redis://redis:hunter2", "write sqlite, or"),
    ("redis://:hunter2@redis:0", "write sqlite, or"),
    ("redis://:hunter2@redis:66666", "write sqlite, or"),
    ("redis://redis/hunter2", "the number of a database"),
    ("redis://redis/0?colour=hunter2", "after the ?"),
    ("redis://redis/0?password=hunter2", "after the ?"),
    ("redis://redis/0?ssl_ca_certs=hunter2", "after the ?"),
    ("rediss://redis/0?socket_timeout=hunter2", "after the ?"),
]


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_taken_as_it_is_written(tmp_path: Path, url: str) -> None:
    text = f'version: 1\nstate:\n  store: "{url}"\n  secret_file: s\n'
    assert loaded(tmp_path, text).state.store == url


@pytest.mark.parametrize(("url", "told"), NO_URLS)
def test_what_is_no_url_is_told_in_one_line_without_repeating_it(tmp_path: Path, url: str, told: str) -> None:
    (fault,) = faults(tmp_path, f'version: 1\nstate:\n  store: "{url}"\n  secret_file: s\n')
    assert fault.startswith("config.yaml:3: state.store: ")
    assert told in fault
    assert "hunter2" not in fault


@pytest.mark.parametrize(("url", "_"), NO_URLS)
def test_the_exception_holds_no_other_one_that_would_repeat_it(url: str, _: str) -> None:
    with pytest.raises(ValueError) as raised:
        store_home(url)
    assert raised.value.__context__ is None
