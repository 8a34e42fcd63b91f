"""HTTP routes: a path template as literal and parameter segments, version and file extension removed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from toolwise.resources.words import verb_action
from toolwise.schemas import resolve
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, Tool

HOLE = "{}"
"""A parameter segment in a canonical template."""

_VERSION = re.compile(r"^(?:v\d+[\w.]*|\d{4}-\d{2}-\d{2}|api|rest)$", re.IGNORECASE)
_EXTENSION = re.compile(r"\.(?:json|xml)$")
_PLACEHOLDER = re.compile(r"\{[+/?#]?([^}*]+)\*?\}")
_LITERAL = re.compile(r"^[\w.~-]+$")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a tool's HTTP request goes."""

    method: str
    template: tuple[str, ...]
    """Segments; a parameter is `{}`; a parameter that holds a whole resource name is expanded by its pattern."""
    parameters: tuple[tuple[str, int], ...]
    """Parameter name -> index of the (last) segment it fills, in path order."""
    verb: str = ""
    """A custom verb after a colon: `{name}:cancel`."""
    whole: frozenset[str] = frozenset()
    """Parameters that hold a whole resource name, such as `projects/p/instances/i`."""

    @property
    def is_item(self) -> bool:
        return bool(self.template) and self.template[-1] == HOLE

    @property
    def literals(self) -> tuple[str, ...]:
        return tuple(part for part in self.template if part != HOLE)

    @property
    def by_name(self) -> bool:
        """Is the record or collection addressed by one whole resource name?"""
        return len(self.parameters) == 1 and self.parameters[0][0] in self.whole

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.parameters)


def resource_of(template: tuple[str, ...]) -> str:
    """A resource's name: the literal segments of its path."""
    return "/".join(part for part in template if part != HOLE)


def parse_route(tool: Tool, binding: HttpBinding) -> Route:
    """Read a binding's path. Never fails: what is no placeholder is a literal."""
    own_name = {wire: name for name, wire in binding.wire_names.items()}
    path, verb = _split_verb(binding.path)
    template: list[str] = []
    parameters: list[tuple[str, int]] = []
    whole: set[str] = set()
    for raw in path.strip("/").split("/"):
        segment = _EXTENSION.sub("", raw)
        found = _PLACEHOLDER.findall(segment)
        if not segment or (not template and not found and _VERSION.match(segment)):
            continue
        if not found:
            template.append(segment)
            continue
        name = own_name.get(found[-1], found[-1])
        expanded = _expand(tool, name, alone=not template)
        template.extend(expanded or (HOLE,))
        if expanded is not None:
            whole.add(name)
        parameters.append((name, len(template) - 1))
    return Route(binding.method.upper(), tuple(template), tuple(parameters), verb, frozenset(whole))


def _split_verb(path: str) -> tuple[str, str]:
    """`v1/{+name}:cancel` -> (`v1/{+name}`, `cancel`)."""
    head, colon, tail = path.rpartition(":")
    if colon and tail and "/" not in tail and "}" not in tail:
        return head, tail
    return path, ""


def _expand(tool: Tool, name: str, *, alone: bool) -> tuple[str, ...] | None:
    """The segments of a resource name that one parameter holds, from its pattern, else from the tool's name."""
    schema = resolve(tool.properties.get(name, {}), tool.definitions)
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and "/" in pattern:
        return pattern_segments(pattern)
    parts = tool.name.split(".")
    if alone and name in {"name", "parent"} and len(parts) > 2:
        nouns = parts[:-1] if name == "name" else parts[:-2]
        return tuple(segment for noun in nouns for segment in (noun, HOLE))
    return None


def pattern_segments(pattern: str) -> tuple[str, ...] | None:
    r"""`^projects/[^/]+/zones/[^/]+$` -> projects, {}, zones, {}; none if it is not a path of that form."""
    body = pattern.removeprefix("^").removesuffix("$")
    segments = re.sub(r"\[\^/\]", "\0", body).split("/")
    if len(segments) < 2:
        return None
    return tuple(segment if _LITERAL.match(segment) else HOLE for segment in segments)


def own_verb(tool: Tool, method: str = "") -> str:
    """The verb in a tool's name; empty where there is none, or only the HTTP method's."""
    words = identifier_words(re.split(r"[./]", tool.name)[-1])
    if method and words and words[0] == method.lower() and method in {"POST", "PUT", "HEAD"}:
        words = words[1:]
    for word in words[:1] + words[-1:]:
        if verb_action(word) is not None:
            return word
    return ""
