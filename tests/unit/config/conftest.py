"""None of this machine's settings, unless a test sets them."""

import os

import pytest


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("SALLYPORT_"):
            monkeypatch.delenv(name)
