"""Recognition over HTTP: the method and the path template say what a tool does, its name and response decide ties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolwise.resources.operation import Action, Operation
from toolwise.resources.responses import find_items, looks_like_list, properties_of
from toolwise.resources.routes import HOLE, Route, own_verb, parse_route, resource_of
from toolwise.resources.words import is_plural, verb_action, word_set
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, Tool

_PRODUCING = word_set(
    "send run start submit request schedule upload import open invite copy clone subscribe apply publish execute "
    "book order generate deploy install assign attach enroll share duplicate link join"
)
"""Verbs that are no CRUD verb, but by which a POST to a collection makes a record."""

_READS = ("GET", "HEAD")

Template = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Site:
    """What the whole toolset says about its paths."""

    routes: dict[str, Route]
    methods: dict[Template, dict[str, Tool]]
    items: frozenset[Template]
    """Templates of single records that some tool reads or changes."""
    listed: frozenset[Template]
    """Templates of collections that some tool lists."""


def recognise_http(tools: Sequence[Tool]) -> dict[str, Operation]:
    """Tool name -> operation, for tools with an HTTP binding whose path shows a resource."""
    site = _survey(tools)
    found: dict[str, Operation] = {}
    for tool in tools:
        route = site.routes.get(tool.name)
        if route is not None and (operation := _classify(tool, route, site)) is not None:
            found[tool.name] = operation
    return found


def _survey(tools: Sequence[Tool]) -> _Site:
    routes: dict[str, Route] = {}
    methods: dict[Template, dict[str, Tool]] = {}
    for tool in tools:
        if isinstance(tool.binding, HttpBinding):
            routes[tool.name] = route = parse_route(tool, tool.binding)
            if not route.verb:
                methods.setdefault(route.template, {}).setdefault(route.method, tool)
    items = frozenset(t for t, by in methods.items() if t and t[-1] == HOLE and _is_record(by))
    listed = frozenset(
        t for t, by in methods.items() if t and t[-1] != HOLE and (get := by.get("GET")) and _lists(get, t) is not None
    )
    return _Site(routes, methods, items, listed)


def _is_record(by_method: dict[str, Tool]) -> bool:
    return any(method in by_method for method in ("GET", "PUT", "PATCH", "DELETE", "POST"))


def _lists(tool: Tool, template: Template) -> str | None:
    """The items field of a GET on a collection, or none if it does not list."""
    words = identifier_words(template[-1])
    field = find_items(tool.returns, tool.definitions, words)
    plural = bool(words) and is_plural(words[-1])
    named = verb_action(own_verb(tool)) is Action.LIST
    return field if plural or named or looks_like_list(tool.returns, tool.definitions, field) else None


def _classify(tool: Tool, route: Route, site: _Site) -> Operation | None:
    if not route.literals:
        return None
    if route.verb:
        return _act(route, site, route.template)
    verb = own_verb(tool, route.method)
    if route.is_item:
        return _on_item(tool, route, site, verb)
    if route.method in _READS:
        return _get_collection(tool, route, site, verb)
    if route.method == "POST":
        return _post_collection(tool, route, site, verb)
    return _change_collection(route, site, verb)


def _change_collection(route: Route, site: _Site, verb: str) -> Operation | None:
    """PUT, PATCH or DELETE on a path that ends in a literal."""
    if _is_singleton(route.template, site):
        return _singleton(route, Action.DELETE if route.method == "DELETE" else Action.UPDATE, site)
    if route.method == "PUT" and route.template in site.listed and verb_action(verb) is Action.CREATE:
        return _new(route, site)
    return _act(route, site, route.template[:-1])


def _on_item(tool: Tool, route: Route, site: _Site, verb: str) -> Operation | None:
    """Any method on a path that ends in a parameter."""
    if route.method in _READS:
        return _get_item(tool, route, site)
    if route.method == "DELETE":
        return _one(route, Action.DELETE, site)
    if route.method == "PATCH":
        return _one(route, Action.UPDATE, site)
    return _write_item(route, site, verb)


def _get_item(tool: Tool, route: Route, site: _Site) -> Operation:
    field = find_items(tool.returns, tool.definitions, identifier_words(route.literals[-1]))
    changed = any(method in site.methods[route.template] for method in ("DELETE", "PATCH", "PUT"))
    if not changed and looks_like_list(tool.returns, tool.definitions, field):
        resource = resource_of(route.template)
        return Operation(Action.LIST, resource, (), route.names, None, field, parent=_parent(route, site))
    return _one(route, Action.GET, site)


def _write_item(route: Route, site: _Site, verb: str) -> Operation | None:
    """PUT or POST on one record: create it under the caller's name, replace it, change it, or act on it."""
    here, meaning = site.methods.get(route.template, {}), verb_action(verb)
    creatable = "POST" in site.methods.get(route.template[:-1], {})
    if route.method == "PUT":
        if creatable or "PATCH" in here or meaning is Action.UPDATE:
            return _one(route, Action.UPDATE, site)
        return _one(route, Action.CREATE, site, upsert=True)
    if meaning is Action.CREATE and not creatable:
        return _one(route, Action.CREATE, site)
    if meaning in {Action.UPDATE, None} and "GET" in here:
        return _one(route, Action.UPDATE, site)
    return _act(route, site, route.template)


def _get_collection(tool: Tool, route: Route, site: _Site, verb: str) -> Operation | None:
    template = route.template
    has_items = (*template, HOLE) in site.items
    words = identifier_words(template[-1])
    if words and verb_action(words[0]) is Action.OTHER and not is_plural(words[-1]):
        return _act(route, site, template[:-1])
    if template in site.listed or (has_items and tool.returns is None):
        field = find_items(tool.returns, tool.definitions, identifier_words(template[-1]))
        return Operation(
            Action.LIST,
            _home(template, site),
            scope=route.names,
            items_field=field,
            key_prefix=template[-1] if route.by_name else "",
            parent=_parent(route, site),
        )
    if verb_action(verb) is Action.OTHER:
        return _act(route, site, template[:-1])
    return _singleton(route, Action.GET, site) if route.parameters else None


def _post_collection(tool: Tool, route: Route, site: _Site, verb: str) -> Operation | None:
    template, meaning = route.template, verb_action(verb)
    known = (*template, HOLE) in site.items or template in site.listed
    if known and (meaning in {None, Action.CREATE} or verb in _PRODUCING):
        return _new(route, site)
    words = identifier_words(template[-1])
    acts = bool(words) and verb_action(words[0]) is not None and not is_plural(words[-1])
    if acts or meaning not in {None, Action.CREATE}:
        return _act(route, site, template if known else template[:-1])
    makes = any(w in {"id", "uid", "sid", "gid", "uuid", "name"} for w in _field_ends(tool))
    if words and is_plural(words[-1]) and (makes or meaning is Action.CREATE):
        return _new(route, site)
    if _is_singleton(template, site):
        return _singleton(route, Action.UPDATE, site)
    return _act(route, site, template[:-1])


def _field_ends(tool: Tool) -> list[str]:
    return [
        identifier_words(name)[-1] for name in properties_of(tool.returns, tool.definitions) if identifier_words(name)
    ]


def _is_singleton(template: Template, site: _Site) -> bool:
    by = site.methods.get(template, {})
    return "GET" in by and template not in site.listed and HOLE in template


def _home(template: Template, site: _Site) -> str:
    """The resource that a collection's records belong to.

    `/files/{id}/comments` lists the records of `/comments/{id}` where only the latter can be addressed.
    """
    if (*template, HOLE) in site.items or len(template) < 3:
        return resource_of(template)
    top = (template[-1],)
    return resource_of(top) if (*top, HOLE) in site.items else resource_of(template)


def _one(route: Route, action: Action, site: _Site, *, upsert: bool = False) -> Operation:
    names = route.names
    prefix = route.literals[-1] if route.by_name else ""
    return Operation(
        action,
        resource_of(route.template),
        names[-1:],
        names[:-1],
        parent=_parent(route, site, item=True),
        key_prefix=prefix,
        upsert=upsert,
    )


def _new(route: Route, site: _Site) -> Operation:
    prefix = route.literals[-1] if route.by_name else ""
    return Operation(
        Action.CREATE, _home(route.template, site), (), route.names, parent=_parent(route, site), key_prefix=prefix
    )


def _singleton(route: Route, action: Action, site: _Site) -> Operation:
    names = route.names
    return Operation(
        action, resource_of(route.template), names[-1:], names[:-1], parent=_parent(route, site), singleton=True
    )


def _act(route: Route, site: _Site, target: Template) -> Operation | None:
    """An act on the record or collection at `target`; none if nothing else shows a resource there."""
    if target and target[-1] == HOLE:
        if target not in site.items:
            return None
        upto = [(name, index) for name, index in route.parameters if index < len(target)]
        if not upto or upto[-1][1] != len(target) - 1:
            return None
        names = tuple(name for name, _ in upto)
        prefix = resource_of(target).rsplit("/", 1)[-1] if route.by_name else ""
        return Operation(Action.OTHER, resource_of(target), names[-1:], names[:-1], key_prefix=prefix)
    if target and (target in site.listed or (*target, HOLE) in site.items):
        return Operation(Action.OTHER, resource_of(target), (), route.names)
    return None


def _parent(route: Route, site: _Site, *, item: bool = False) -> str | None:
    """The recognised resource that the last scope parameter names."""
    scope = route.parameters[:-1] if item else route.parameters
    if not scope:
        return None
    prefix = route.template[: scope[-1][1] + 1]
    return resource_of(prefix) if prefix in site.items and prefix != route.template else None
