"""From a tool's HTTP binding and a call's arguments to a request: nothing in a value can leave its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from toolwise.connections.http import HttpRequest
from toolwise.types import HttpBinding, Json, ParameterLocation, ParameterStyle, Tool
from toolwise.worlds.credentials import Credential, CredentialPlace
from toolwise.worlds.http_body import UnwritableError, body_of
from toolwise.worlds.http_styles import header_text, pairs, path_text, percent, scalar

_HOLE = re.compile(r"\{([^{}]+)\}")
_SLASHES = re.compile(r"[/\\]")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "te", "trailer", "upgrade", "expect"})
"""Headers that frame the message (RFC 9112): a parameter of that name is refused."""
_METHODS = frozenset({"GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE"})


def request_of(
    tool: Tool, server: str, arguments: Mapping[str, Json], credentials: tuple[Credential, ...] = ()
) -> HttpRequest:
    """The request of one call. Raises UnwritableError, naming the field that cannot be written."""
    binding = tool.binding
    assert isinstance(binding, HttpBinding)  # noqa: S101 - the world asks only for tools with one
    try:
        return _request(tool, binding, server, arguments, credentials)
    except UnicodeEncodeError:
        raise UnwritableError("", "The arguments hold text that is not valid Unicode.") from None


def _request(
    tool: Tool, binding: HttpBinding, server: str, arguments: Mapping[str, Json], credentials: tuple[Credential, ...]
) -> HttpRequest:
    method = binding.method.upper()
    if method not in _METHODS:
        raise UnwritableError("", f"The method '{method[:20]}' is none of HTTP's.")
    query: list[tuple[str, str]] = []
    cookies: list[tuple[str, str]] = []
    headers = {"Accept": "application/json, */*;q=0.5"}
    for name, location in binding.locations.items():
        if name not in arguments:
            continue
        wire, value = binding.wire_names.get(name, name), arguments[name]
        style = binding.styles.get(name)
        if location is ParameterLocation.QUERY:
            query += pairs(wire, value, style or ParameterStyle.FORM_EXPLODED)
        elif location is ParameterLocation.COOKIE:
            cookies += pairs(wire, value, style or ParameterStyle.FORM_EXPLODED)
        elif location is ParameterLocation.HEADER:
            headers[_header_name(name, wire)] = _header_value(name, header_text(value, style or ParameterStyle.SIMPLE))
    content, content_type = body_of(tool, binding, arguments)
    if content_type is not None:
        headers["Content-Type"] = content_type
    secret = _authorise(credentials, headers, query, cookies)
    if cookies:
        headers["Cookie"] = "; ".join(f"{percent(name)}={percent(value)}" for name, value in cookies)
    url = _url(server, _path(binding, arguments), query)
    return HttpRequest(method, url, headers, content, secret)


def _header_name(name: str, wire: str) -> str:
    if not _TOKEN.match(wire) or wire.lower() in _OURS:
        raise UnwritableError(name, f"Field '{name}' cannot be sent as the header '{wire[:60]}'.")
    return wire


def _header_value(name: str, value: str) -> str:
    if _CONTROLS.search(value):
        raise UnwritableError(name, f"Field '{name}' is sent in a header and must be one line of plain characters.")
    return value


def _authorise(
    credentials: tuple[Credential, ...],
    headers: dict[str, str],
    query: list[tuple[str, str]],
    cookies: list[tuple[str, str]],
) -> tuple[str, ...]:
    """Add the credentials, which win over an argument of the same name; the headers that are now secret."""
    secret: list[str] = []
    for credential in credentials:
        if credential.place is CredentialPlace.QUERY:
            query[:] = [*((n, v) for n, v in query if n != credential.name), (credential.name, credential.value)]
        elif credential.place is CredentialPlace.COOKIE:
            cookies[:] = [*((n, v) for n, v in cookies if n != credential.name), (credential.name, credential.value)]
        else:
            for other in [name for name in headers if name.lower() == credential.name.lower()]:
                del headers[other]
            headers[credential.name] = credential.value
            secret.append(credential.name)
    return tuple(secret)


def _path(binding: HttpBinding, arguments: Mapping[str, Json]) -> str:
    """The expanded path. No value is empty, and none holds or makes a dot segment, should a server decode it twice."""
    by_wire = {binding.wire_names.get(n, n): n for n, where in binding.locations.items() if where == "path"}

    def fill(hole: re.Match[str]) -> str:
        wire = hole.group(1)
        name = by_wire.get(wire, wire)
        if name not in arguments:
            raise UnwritableError(name, f"Missing required field '{name}'.")
        if scalar(arguments[name]) == "" or arguments[name] in ([], {}):
            raise UnwritableError(name, f"Field '{name}' is part of the path and must not be empty.")
        return path_text(wire, arguments[name], binding.styles.get(name, ParameterStyle.SIMPLE))

    path = _HOLE.sub(fill, binding.path.partition("#")[0])
    steps = path.partition("?")[0].split("/")
    dotted = any(part in {".", ".."} for step in steps for part in _SLASHES.split(unquote(step)))
    if dotted or "" in steps[1:-1] or (not steps[-1] and not binding.path.endswith("/")):
        first = next(iter(by_wire.values()), "")
        raise UnwritableError(first, "The path's fields must not be '.' or '..', and must not leave a part empty.")
    return path


def _url(server: str, path: str, query: list[tuple[str, str]]) -> str:
    base = server.rstrip("/")
    joined = f"{base}/{path.lstrip('/')}" if path else base
    text = "&".join(f"{percent(name)}={percent(value)}" for name, value in query)
    if not text:
        return joined
    return f"{joined}{'&' if urlsplit(joined).query else '?'}{text}"
