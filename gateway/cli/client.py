"""A thin client of the operator API, and what its failures mean to a person.

Lives only here: the address, the token and its source, and one sentence for every way a request can fail. Must not know
what a verb asks. Called by the verbs that talk to a running gateway.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import httpx2

from gateway.cli import place, voice

TOKEN_VARIABLE = "SALLYPORT_OPERATOR_TOKEN"  # noqa: S105  the name of a variable
TOKEN_FILE = "operator.token"  # noqa: S105  the name of a file
_NDJSON = "application/x-ndjson"
_WAIT_S = 10.0


def client(headers: Mapping[str, str], wait_s: float) -> httpx2.Client:
    """For one of the gateway's own listeners. Use it as a context manager.

    No proxy of the environment may see a token. Both planes speak plain HTTP, so certificates are never looked at, and
    loading the trust store would cost every verb 45 ms.
    """
    timeout = httpx2.Timeout(wait_s, connect=5)
    return httpx2.Client(headers=headers, timeout=timeout, trust_env=False, verify=False)


class Operator:
    """One gateway's operator plane."""

    def __init__(self, config: Path) -> None:
        found = place.addresses(config)
        self.url = place.url(found.listen.operator)
        self._config = config
        self._token, self._source = _token(place.state_dir(found, config))
        self._headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def running(self) -> bool:
        """Whether something answers at the operator address."""
        try:
            with client({}, 3) as http:
                http.get(f"{self.url}/livez")
        except httpx2.TransportError:
            return False
        return True

    def get(self, path: str, **query: str | None) -> Any:
        """A JSON answer; every other one ends the verb."""
        return self._answer("GET", path, query)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Makes something."""
        return self._answer("POST", path, {}, body)

    def delete(self, path: str, **query: str | None) -> Any:
        """Takes something away."""
        return self._answer("DELETE", path, query)

    def lines(self, path: str, **query: str | None) -> Iterator[Any]:
        """An NDJSON answer, value by value as it comes."""
        try:
            with (
                client({**self._headers, "Accept": _NDJSON}, _WAIT_S) as http,
                http.stream("GET", self.url + path, params=_given(query)) as response,
            ):
                if response.status_code != httpx2.codes.OK:
                    response.read()
                    self._refused(response)
                for line in response.iter_lines():
                    if line:
                        yield json.loads(line)
        except httpx2.TransportError as error:
            self._unreachable(error)

    def _answer(self, method: str, path: str, query: Mapping[str, str | None], body: Any = None) -> Any:
        try:
            with client(self._headers, _WAIT_S) as http:
                response = http.request(method, self.url + path, params=_given(query), json=body)
        except httpx2.TransportError as error:
            self._unreachable(error)
        if response.is_success:
            return response.json()
        self._refused(response)

    def _refused(self, response: httpx2.Response) -> NoReturn:
        detail = _detail(response)
        if response.status_code == httpx2.codes.UNAUTHORIZED:
            known = f"the token of {self._source} was refused" if self._token else f"no token: {self._source}"
            voice.fail(
                f"{self.url}: {known}. The gateway writes {TOKEN_FILE} into its state folder when it starts; is this "
                f"the gateway of {self._config}? Else set {TOKEN_VARIABLE}."
            )
        voice.fail(f"{self.url}: {response.status_code}: {detail}")

    def _unreachable(self, error: httpx2.TransportError) -> NoReturn:
        why = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "does not answer"
        voice.fail(
            f"The gateway {why} at {self.url} (listen.operator of {self._config}). Start it with "
            f"`sallyport run --config {self._config}`, or name its configuration with --config.",
            voice.UNREACHABLE,
        )


def _token(state: Path) -> tuple[str | None, str]:
    """The operator token and where it came from."""
    if token := os.environ.get(TOKEN_VARIABLE):
        return token, TOKEN_VARIABLE
    path = state / TOKEN_FILE
    try:
        return path.read_text(encoding="utf-8").strip(), str(path)
    except FileNotFoundError:
        return None, f"{TOKEN_VARIABLE} is not set and there is no {path}"
    except OSError as error:
        return None, f"{path} cannot be read ({error.strerror})"


def _given(query: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value is not None}


def _detail(response: httpx2.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = "not an answer of Sallyport's operator plane; does another program listen there?"
    return voice.plain(str(detail))
