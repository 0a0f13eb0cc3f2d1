"""The state folder: one owner, secrets made once and kept, every fault with its next step."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.state import StateFolder, StateUnusable

Open = Callable[..., StateFolder]
OWNER = """
import sys
from pathlib import Path
from gateway.state import StateFolder, StateUnusable
try:
    StateFolder(Path(sys.argv[1]), None, lambda _: None)
except StateUnusable as error:
    print(error)
"""


@pytest.fixture
def opened() -> Iterator[Open]:
    folders: list[StateFolder] = []

    def open_(path: Path, secret_file: Path | None = None) -> StateFolder:
        folders.append(StateFolder(path, secret_file, lambda _: None))
        return folders[-1]

    yield open_
    for folder in folders:
        folder.close()


def test_a_second_owner_is_refused_with_the_next_step(tmp_path: Path, opened: Open) -> None:
    opened(tmp_path)

    told = "another process owns this state folder: stop it, or give this one its own state.dir."
    with pytest.raises(StateUnusable, match=told):
        opened(tmp_path)


def test_another_process_is_refused_and_disturbs_nothing(tmp_path: Path, opened: Open) -> None:
    first = opened(tmp_path)

    done = subprocess.run([sys.executable, "-c", OWNER, tmp_path], capture_output=True, text=True, timeout=20)

    assert "another process owns this state folder" in done.stdout
    assert (tmp_path / "operator.token").read_text().strip() == first.operator_token


def test_the_folder_is_free_once_its_owner_closed_it(tmp_path: Path, opened: Open) -> None:
    StateFolder(tmp_path, None, lambda _: None).close()

    opened(tmp_path)


def test_nobody_else_may_read_what_is_in_it(tmp_path: Path, opened: Open) -> None:
    folder = tmp_path / "made/by/us"
    before = os.umask(0)
    try:
        opened(folder)
    finally:
        os.umask(before)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"lock": 0o600, "secret.key": 0o600, "operator.token": 0o600}


def test_secret_and_token_stay_over_restarts(tmp_path: Path, opened: Open) -> None:
    first = StateFolder(tmp_path, None, lambda _: None)
    keys, token = first.key("ledger"), first.operator_token
    first.close()

    again = opened(tmp_path)

    assert (again.key("ledger"), again.operator_token) == (keys, token)


def test_two_folders_share_no_secret(tmp_path: Path, opened: Open) -> None:
    one, two = opened(tmp_path / "one"), opened(tmp_path / "two")

    assert one.key("ledger") != two.key("ledger")
    assert one.operator_token != two.operator_token


def test_every_purpose_has_its_own_key(tmp_path: Path, opened: Open) -> None:
    folder = opened(tmp_path)

    keys = {folder.key(purpose) for purpose in ("ledger", "redaction", "sessions", "record keys")}

    assert len(keys) == 4
    assert {len(key) for key in keys} == {32}
    assert not {key.hex() for key in keys} & {(tmp_path / "secret.key").read_text().strip(), folder.operator_token}


@pytest.mark.parametrize("name", ["secret.key", "operator.token"])
@pytest.mark.parametrize("content", [b"", b"abc", b"not hex", b"00" * 31, b"\xff\xfe", b"00" * 31 + b"0"])
def test_a_damaged_secret_is_refused_and_not_replaced(tmp_path: Path, opened: Open, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(StateUnusable, match=f"{name}: does not hold 32 bytes in hex: restore it from a backup."):
        opened(tmp_path)

    assert (tmp_path / name).read_bytes() == content


def test_a_secret_from_elsewhere_is_used_and_never_made(tmp_path: Path, opened: Open) -> None:
    secret = tmp_path / "mounted"
    with pytest.raises(StateUnusable, match="mounted: No such file or directory"):
        opened(tmp_path / "state", secret)
    assert not secret.exists()

    secret.write_text("ab" * 32)
    one, two = opened(tmp_path / "one", secret), opened(tmp_path / "two", secret)
    assert one.key("ledger") == two.key("ledger")
    assert not (tmp_path / "one/secret.key").exists()


def test_what_was_left_half_written_is_written_again(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "secret.key.new").write_text("abc")

    opened(tmp_path)

    assert len((tmp_path / "secret.key").read_text().strip()) == 64
    assert not (tmp_path / "secret.key.new").exists()


def test_a_folder_that_cannot_be_made_is_told_with_the_next_step(tmp_path: Path, opened: Open) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateUnusable, match=r"give state\.dir a folder this user may write, then start again"):
        opened(tmp_path / "file/state")
