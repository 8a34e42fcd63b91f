"""Which tool answers which request: routes from the tools' HTTP bindings, and one of its own for any other tool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

from toolwise.resources.routes import HOLE
from toolwise.serve.answers import Promise
from toolwise.serve.http_paths import RouteTable, Template, parse_template
from toolwise.serve.served import ServedCatalog
from toolwise.types import HttpBinding, Tool, Toolset

DOCUMENT = "openapi.json"
RESET = "__reset"
STATE = "__state"
RESERVED = frozenset({DOCUMENT, RESET, STATE})
"""Paths of the mock itself."""
METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"})
"""What OpenAPI can describe; a tool bound to another method is called by its own route."""


@dataclass(frozen=True)
class ToolRoute:
    """One tool's place in the mock."""

    tool: Tool
    method: str
    template: Template
    binding: HttpBinding | None
    """None where the tool is called by its own route, with its arguments as the body."""
    prefix: str
    """The path before the template: empty, or `/<toolset>`."""

    @cached_property
    def promise(self) -> Promise:
        return Promise(self.tool)


class ToolsetRoutes:
    """The routes of one toolset."""

    def __init__(self, toolset: Toolset, *, prefixed: bool) -> None:
        self.toolset = toolset
        self.table: RouteTable[ToolRoute] = RouteTable()
        self.routes: list[ToolRoute] = []
        self._prefix = f"/{quote(toolset.name)}" if prefixed else ""
        without: list[Tool] = []
        for tool in toolset.tools:
            if not self._bind(tool):
                without.append(tool)
        for tool in without:
            self._name(tool)

    def _bind(self, tool: Tool) -> bool:
        """Route a tool by its HTTP binding; False where it has none, or another tool has that route."""
        binding = tool.binding
        if not isinstance(binding, HttpBinding) or binding.method.upper() not in METHODS:
            return False
        template = parse_template(tool, binding)
        if len(template.segments) == 1 and template.segments[0] in RESERVED:
            return False
        route = ToolRoute(tool, binding.method.upper(), template, binding, self._prefix)
        return self._add(route)

    def _name(self, tool: Tool) -> None:
        """Route a tool by its own name: `POST /<toolset>/<tool>`."""
        name = tool.name
        while True:
            segments = (name,) if self._prefix else (self.toolset.name, name)
            template = Template(tuple(segment.replace(HOLE, "__") for segment in segments), (), ())
            if self._add(ToolRoute(tool, "POST", template, None, self._prefix)):
                return
            name += "_"

    def _add(self, route: ToolRoute) -> bool:
        added = self.table.add(route.template.segments, route.method, route)
        if added:
            self.routes.append(route)
        return added


class Routes:
    """All served toolsets' routes; each toolset's are made at its first request."""

    def __init__(self, served: ServedCatalog) -> None:
        self._served = served
        self._known = frozenset(served.toolsets)
        self._made: dict[str, ToolsetRoutes] = {}

    def of(self, toolset: str) -> ToolsetRoutes:
        """Raises KeyError for a toolset that is not served."""
        if toolset not in self._known:
            raise KeyError(toolset)
        routes = self._made.get(toolset)
        if routes is None:
            routes = ToolsetRoutes(self._served.toolset(toolset), prefixed=self._served.several)
            self._made[toolset] = routes
        return routes

    def all(self) -> Iterator[ToolsetRoutes]:
        return (self.of(name) for name in self._served.toolsets)

    def find(self, path: Sequence[str], method: str) -> tuple[ToolRoute | None, Sequence[str], tuple[str, ...]]:
        """(route, the path that its template matched, methods that the path allows).

        A slash that came encoded belongs to its segment; where that leads nowhere, it may be one of a resource name.
        """
        found = self._find(path, method)
        if found[0] is None and not found[2] and any("/" in segment for segment in path):
            found = self._find([part for segment in path for part in segment.split("/")], method)
        return found

    def _find(self, path: Sequence[str], method: str) -> tuple[ToolRoute | None, Sequence[str], tuple[str, ...]]:
        if not self._served.several:
            route, allowed = self.of(self._served.toolsets[0]).table.find(path, method)
            return route, path, allowed
        if not path or path[0] not in self._known:
            return None, path, ()
        route, allowed = self.of(path[0]).table.find(path[1:], method)
        return route, path[1:], allowed
