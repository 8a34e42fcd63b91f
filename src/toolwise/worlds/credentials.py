"""Credentials from environment variables, and their removal from whatever comes back."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import quote, quote_plus

from toolwise.errors import ConfigError
from toolwise.types import Json, Toolset

PREFIX = "TOOLWISE_AUTH_"
REDACTED = "[redacted]"
_SHORTEST = 4
"""Shorter secrets are replaced only where they are a whole value: in running text they would match by chance."""
_KEY_PLACE = re.compile(r"apiKey in (header|query|cookie) (\S+)")


class CredentialPlace(StrEnum):
    """Where a request carries a credential."""

    HEADER = "header"
    """A request header."""
    QUERY = "query"
    """A field of the query string."""
    COOKIE = "cookie"
    """A cookie."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential as the request carries it."""

    place: CredentialPlace
    name: str
    value: str = field(repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The texts that must never be shown."""


def variable_name(toolset: str) -> str:
    """The environment variable of a toolset's credentials: `pet-store` -> `TOOLWISE_AUTH_PET_STORE`."""
    return PREFIX + re.sub(r"[^A-Z0-9]+", "_", toolset.upper()).strip("_")


def credentials_of(toolset: Toolset, environment: Mapping[str, str]) -> tuple[Credential, ...]:
    """The toolset's credentials, one for each line of its variable. Raises ConfigError, which does not show them.

    A line is `bearer:TOKEN`, `basic:USER:PASSWORD`, `header:NAME:VALUE`, `query:NAME:VALUE`, `cookie:NAME:VALUE`, or
    a bare key, which goes where the toolset's document says that its API key goes (else it is a bearer token).
    """
    variable = variable_name(toolset.name)
    lines = environment.get(variable, "").splitlines()
    return tuple(_credential(line.strip(), toolset, variable) for line in lines if line.strip())


def _credential(line: str, toolset: Toolset, variable: str) -> Credential:
    kind, _, rest = line.partition(":")
    if kind == "bearer" and rest:
        return _bearer(rest)
    if kind == "basic" and ":" in rest:
        encoded = base64.b64encode(rest.encode()).decode()
        password = rest.partition(":")[2]
        return Credential(CredentialPlace.HEADER, "Authorization", f"Basic {encoded}", (rest, encoded, password))
    if kind in set(CredentialPlace):
        name, _, value = rest.partition(":")
        if not name or not value:
            raise ConfigError(f"{variable}: write {kind}:NAME:VALUE")
        return Credential(CredentialPlace(kind), name.strip(), value.strip(), (value.strip(),))
    if kind in {"bearer", "basic"}:
        raise ConfigError(f"{variable}: write bearer:TOKEN or basic:USER:PASSWORD")
    for scheme in toolset.auth:
        if (found := _KEY_PLACE.match(scheme)) is not None:
            return Credential(CredentialPlace(found.group(1)), found.group(2), line, (line,))
    return _bearer(line)


def _bearer(token: str) -> Credential:
    return Credential(CredentialPlace.HEADER, "Authorization", f"Bearer {token}", (token,))


class Redaction:
    """Replaces secrets, also in the forms in which URLs and JSON carry them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if secret for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        self._whole = frozenset(forms)
        self._inside = tuple(sorted((f for f in forms if len(f) >= _SHORTEST), key=lambda f: (-len(f), f)))

    def text(self, text: str) -> str:
        """The text without secrets."""
        if text in self._whole:
            return REDACTED
        for secret in self._inside:
            if secret in text:
                text = text.replace(secret, REDACTED)
        return text

    def json(self, value: Json) -> Json:
        """The value without secrets, in keys, texts and numbers; the value itself if there are none to hide."""
        if not self._whole:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.json(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.json(inner) for inner in value]
        if isinstance(value, int | float) and not isinstance(value, bool) and str(value) in self._whole:
            return REDACTED
        return value
