"""How a user names an MCP server: a command line or an address, with variables before it, and no secret inside."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from toolwise.errors import CatalogError

WORKSPACE = "{workspace}"
"""Stands in a command line or a variable for the folder that a session works on."""

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\$|([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
_SECRET_NAME = re.compile(
    r"token|secret|passw|api[-_]?key|access[-_]?key|private[-_]?key|credential|authori[sz]ation|\bauth\b|\bpat\b", re.I
)
_SECRET_VALUE = re.compile(r"\b(?:sk-|ghp_|gho_|github_pat_|glpat-|xox[abprs]-|AKIA|AIza)[A-Za-z0-9_-]{12,}")
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One server as the user named it. `$NAME` is a variable of the environment, and never stored filled in."""

    text: str
    """The whole of it, as a binding keeps it."""
    command: tuple[str, ...] = ()
    """The program and its arguments; empty for an address."""
    address: str = ""
    """Where the server listens (streamable HTTP); empty for a command."""
    variables: tuple[tuple[str, str], ...] = ()
    """Before a command: variables of its environment. Before an address: headers of every request."""

    @property
    def uses_workspace(self) -> bool:
        """Does it need the session's folder?"""
        return any(WORKSPACE in part for part in (*self.command, *(value for _, value in self.variables)))

    def filled(self, environment: Mapping[str, str], workspace: str = "") -> Launch:
        """Ready to start. Raises CatalogError naming a variable that the environment lacks."""
        taken: dict[str, str] = {}

        def fill(part: str) -> str:
            def one(match: re.Match[str]) -> str:
                name = match[1] or match[2]
                if name is None:
                    return "$"
                if name not in environment:
                    raise CatalogError(f"{self.shown}: the environment has no variable {name}; set it and try again")
                taken[name] = environment[name]
                return environment[name]

            return _VARIABLE.sub(one, part).replace(WORKSPACE, workspace)

        return Launch(
            command=tuple(fill(part) for part in self.command),
            address=fill(self.address),
            variables={name: fill(value) for name, value in self.variables},
            secrets=tuple(sorted({value for value in taken.values() if len(value) >= 6}, key=len, reverse=True)),
        )

    @property
    def shown(self) -> str:
        """For messages: the command or address, shortened."""
        return self.address[:_SHOWN] or shlex.join(self.command)[:_SHOWN]


@dataclass(frozen=True, slots=True)
class Launch:
    """A spec with its variables filled in; never stored, never shown."""

    command: tuple[str, ...]
    address: str
    variables: Mapping[str, str]
    secrets: tuple[str, ...]
    """Values from the environment, longest first: nothing that leaves the connection may hold one."""

    def redacted(self, text: str) -> str:
        """The text without the values that came from the environment."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def read_spec(text: str) -> ServerSpec:
    """Read `[NAME=value …] command [argument …]` or `[Header=value …] http(s)://…`.

    Raises CatalogError for what is neither, and for a secret that is written out: a catalog would keep it.
    """
    text = text.strip().removeprefix("mcp:").strip()
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise CatalogError(f"mcp:{text[:_SHOWN]}: {error}; mind the quotation marks") from error
    if "\x00" in text:
        raise CatalogError("mcp: the command holds a NUL character; remove it")
    variables: list[tuple[str, str]] = []
    while words and (match := _ASSIGNMENT.fullmatch(words[0])):
        variables.append((match[1], match[2]))
        words.pop(0)
    if not words:
        raise CatalogError("mcp: names no server; write a command line or an http(s) address after it")
    if words[0].lower().startswith(("http://", "https://")):
        if len(words) > 1:
            raise CatalogError(f"mcp:{words[0][:_SHOWN]}: nothing may follow an address; headers go before it")
        spec = ServerSpec(text, address=words[0], variables=tuple(variables))
    else:
        spec = ServerSpec(text, command=tuple(words), variables=tuple(variables))
    _refuse_secrets(spec)
    return spec


def _literal(value: str) -> bool:
    return bool(value) and _VARIABLE.search(value) is None


def _refuse_secrets(spec: ServerSpec) -> None:
    named = [name for name, value in spec.variables if _SECRET_NAME.search(name) and _literal(value)]
    for word, following in zip(spec.command, (*spec.command[1:], ""), strict=False):
        option, _, value = word.partition("=")
        value = value or ("" if following.startswith("-") else following)
        if option.startswith("-") and _SECRET_NAME.search(option) and _literal(value):
            named.append(option)
    if spec.address:
        named += _secrets_of_address(spec.address)
    if not named and _SECRET_VALUE.search(spec.text):
        named.append("the command")
    if named:
        name = named[0]
        raise CatalogError(
            f"mcp: {name} looks like a secret written out, and a catalog would keep it; put it into the environment "
            f"and write $NAME in its place"
        )


def _secrets_of_address(address: str) -> list[str]:
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise CatalogError(f"{address[:_SHOWN]}: not an address: {error}") from error
    if not parts.hostname:
        raise CatalogError(f"{address[:_SHOWN]}: not an address: it names no host")
    named = ["the address's password"] if parts.password and _literal(parts.password) else []
    pairs = parse_qsl(parts.query)
    return named + [f"the address's {name}" for name, value in pairs if _SECRET_NAME.search(name) and _literal(value)]
