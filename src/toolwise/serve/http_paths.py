"""Path templates and the table of routes: the most specific route that matches a request answers it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from toolwise.resources.routes import HOLE, pattern_segments
from toolwise.schemas import resolve
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, ParameterLocation, Tool

_PLACEHOLDER = re.compile(r"\{[+/?#]?([^{}/*]+)\*?\}")
_NO_NAME = re.compile(r"[^A-Za-z0-9_.-]")
_MAX_SEGMENT = 2_048
"""Longer segments match nothing: no real id is longer, and a pattern takes quadratic time."""

RouteT = TypeVar("RouteT")


@dataclass(frozen=True, slots=True)
class Hole:
    """What one parameter fills: whole segments, or part of one."""

    parameter: str
    """The tool's parameter."""
    first: int
    last: int
    """Indices of the segments, both included; more than one for a whole resource name such as `projects/p/disks/d`."""
    suffix: str = ""
    """What follows a whole resource name in its last segment: `:cancel`."""


@dataclass(frozen=True, slots=True)
class Template:
    """A path as segments; each `{}` inside a segment is filled by a caller."""

    segments: tuple[str, ...]
    holes: tuple[Hole, ...]
    names: tuple[str, ...]
    """A name for each `{}`, in path order; all are different."""

    def render(self, names: Sequence[str] | None = None) -> str:
        """As OpenAPI writes it, with these names (as many as there are holes) or its own."""
        given = iter(names or self.names)
        return "/" + "/".join(re.sub(r"\{\}", lambda _: "{" + next(given) + "}", part) for part in self.segments)

    def values(self, path: Sequence[str]) -> dict[str, str]:
        """Parameter -> its text in a path that matches."""
        found: dict[str, str] = {}
        inside: dict[int, Iterator[str]] = {}
        for hole in self.holes:
            if hole.first < hole.last:
                found[hole.parameter] = "/".join(path[hole.first : hole.last + 1]).removesuffix(hole.suffix)
                continue
            if hole.first not in inside:
                match = segment_pattern(self.segments[hole.first]).fullmatch(path[hole.first])
                inside[hole.first] = iter(match.groups() if match else ())
            found[hole.parameter] = next(inside[hole.first], "")
        return found


def segment_pattern(segment: str) -> re.Pattern[str]:
    """A segment with holes as a regular expression; each hole takes at least one character."""
    return re.compile("(.+?)".join(re.escape(part) for part in segment.split(HOLE)), re.DOTALL)


def parse_template(tool: Tool, binding: HttpBinding) -> Template:
    """A binding's path. A parameter whose pattern spells out a resource name fills the segments of that name."""
    own_name = {
        wire: name for name, wire in binding.wire_names.items() if binding.locations.get(name) is ParameterLocation.PATH
    }
    segments: list[str] = []
    holes: list[Hole] = []
    names: list[str] = []
    path = binding.path.partition("?")[0].partition("#")[0]
    for raw in path.removeprefix("/").split("/"):
        wires = _PLACEHOLDER.findall(raw)
        parameters = [own_name.get(wire, wire) for wire in wires]
        here = len(segments)
        suffix = _PLACEHOLDER.sub("", raw)
        whole = _resource_name(tool, parameters[0]) if len(wires) == 1 and raw.startswith("{") else None
        if whole is None:
            segments.append(_PLACEHOLDER.sub(HOLE, raw))
            holes += [Hole(parameter, here, here) for parameter in parameters]
            names += [_NO_NAME.sub("_", wire) for wire in wires]
        else:
            segments += [*whole[:-1], whole[-1] + suffix]
            holes.append(Hole(parameters[0], here, len(segments) - 1, suffix))
            names += _segment_names(whole, _NO_NAME.sub("_", wires[0]))
    return Template(tuple(segments), tuple(holes), tuple(_different(names)))


def _resource_name(tool: Tool, parameter: str) -> tuple[str, ...] | None:
    """The segments of a resource name that one parameter holds, from its pattern; none where it is plain."""
    schema = tool.properties.get(parameter)
    pattern = resolve(schema, tool.definitions).get("pattern") if isinstance(schema, dict) else None
    if not isinstance(pattern, str) or "/" not in pattern:
        return None
    segments = pattern_segments(pattern)
    return segments if segments and all(segments) else None


def _segment_names(segments: Sequence[str], fallback: str) -> Iterator[str]:
    """Names for the holes of a resource name, by the literal before each: `projects/{}` -> `projects_id`."""
    before = ""
    for segment in segments:
        if segment == HOLE:
            yield "_".join([*identifier_words(before), "id"]) if before else fallback
        before = "" if segment == HOLE else segment


def _different(names: Sequence[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}_{number}", number + 1
        taken.add(unique)
        yield unique


@dataclass(slots=True)
class _Node(Generic[RouteT]):
    literals: dict[str, _Node[RouteT]] = field(default_factory=dict)
    patterns: dict[str, tuple[re.Pattern[str], _Node[RouteT]]] = field(default_factory=dict)
    hole: _Node[RouteT] | None = None
    routes: dict[str, RouteT] = field(default_factory=dict)


class RouteTable(Generic[RouteT]):
    """Routes by template and method. A literal segment beats one with text and holes, and that beats a mere hole."""

    def __init__(self) -> None:
        self._root: _Node[RouteT] = _Node()

    def add(self, segments: Sequence[str], method: str, route: RouteT) -> bool:
        """Add a route; False, and nothing happens, if the same template and method is taken."""
        node = self._root
        for segment in segments:
            if segment == HOLE:
                node.hole = node.hole or _Node()
                node = node.hole
            elif HOLE in segment:
                if segment not in node.patterns:
                    node.patterns[segment] = (segment_pattern(segment), _Node())
                    longest = sorted(node.patterns, key=lambda text: (-len(text.replace(HOLE, "")), text))
                    node.patterns = {text: node.patterns[text] for text in longest}
                node = node.patterns[segment][1]
            else:
                node = node.literals.setdefault(segment, _Node())
        if method in node.routes:
            return False
        node.routes[method] = route
        return True

    def find(self, path: Sequence[str], method: str) -> tuple[RouteT | None, tuple[str, ...]]:
        """The route, or the methods that the path allows (none: no such path).

        The most specific template decides alone, as OpenAPI says of concrete and templated paths.
        """
        node = next(_matching(self._root, path, 0), None)
        if node is None:
            return None, ()
        if method in node.routes:
            return node.routes[method], ()
        return None, tuple(sorted(node.routes))


def _matching(node: _Node[RouteT], path: Sequence[str], depth: int) -> Iterator[_Node[RouteT]]:
    """Nodes of templates that match the whole path, the most specific first. Visits each node at most once."""
    if depth == len(path):
        if node.routes:
            yield node
        return
    segment = path[depth]
    literal = node.literals.get(segment)
    if literal is not None:
        yield from _matching(literal, path, depth + 1)
    if not segment or len(segment) > _MAX_SEGMENT:
        return
    for pattern, following in node.patterns.values():
        if pattern.fullmatch(segment):
            yield from _matching(following, path, depth + 1)
    if node.hole is not None:
        yield from _matching(node.hole, path, depth + 1)
