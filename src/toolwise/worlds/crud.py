"""What each action does to the state, and what it answers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from toolwise.resources import Action, Operation
from toolwise.schemas import schema_type
from toolwise.text import identifier_words
from toolwise.types import HttpBinding, Json, Schema, canonical_json
from toolwise.values import NoValueError, ValueGenerator
from toolwise.worlds.addressing import addresses, scope_of
from toolwise.worlds.records import Record, WorldState, storage_key
from toolwise.worlds.refusals import ExistsError, NotFoundError
from toolwise.worlds.related import (
    MustExist,
    prepare_parent,
    remove_with_parts,
    require_related,
    selected,
    values_of,
    whole_fields,
)
from toolwise.worlds.responses import Form, ResponseWriter
from toolwise.worlds.tooling import KnownTool

_LIMITS = frozenset(
    {
        "limit", "maxresults", "pagesize", "perpage", "maxitems", "top", "first", "count", "size", "max", "pagelimit",
        "maxrecords",
    }
)  # fmt: skip
_GIVEN = frozenset({"example", "examples", "default"})
"""An id must be new, so what the document proposes is not for it."""
_MAX_LISTED = 10
_MAX_IDS = 1000
"""Attempts to find a free id."""

Arguments = Mapping[str, Json]


class Crud:
    """Runs operations on states for one world seed."""

    def __init__(self, writer: ResponseWriter, seed: int, must_exist: MustExist) -> None:
        self._writer = writer
        self._must_exist = must_exist
        self._seed = str(seed)
        self._values = ValueGenerator()

    def run(self, known: KnownTool, arguments: Arguments, state: WorldState) -> tuple[Json, WorldState]:
        """(response body, next state). Raises NotFoundError, ExistsError."""
        operation = known.operation
        if known.references or known.parent:
            require_related(known, arguments, state, self._must_exist)
        if operation is None:
            return self._plain(known, arguments, {}), self._act(known, arguments, state)
        if operation.action is Action.CREATE:
            return self._create(known, operation, arguments, state)
        if operation.action is Action.LIST:
            return self._list(known, operation, arguments, state), state
        if not addresses(operation, arguments):
            return self._plain(known, arguments, {}), self._act(known, arguments, state)
        return self._on_record(known, operation, arguments, state)

    # --- the five actions -------------------------------------------------------------------------------------

    def _create(
        self, known: KnownTool, operation: Operation, arguments: Arguments, state: WorldState
    ) -> tuple[Json, WorldState]:
        scope = scope_of(operation, arguments)
        chosen = operation.keys[-1] if operation.keys else operation.key_parameter
        given = arguments.get(chosen) if chosen is not None else None
        named: dict[str, Json] = {}
        if given is not None and chosen is not None:
            record_id = self._chosen_id(known, operation, scope, given)
            found = state.find(known.resource, given if record_id is None else record_id, scope)
            if found is not None and not operation.upsert and not found[1].deleted:
                if known.idempotent_by_document:
                    return self._show(known, operation, arguments, *found), state
                raise ExistsError(f"{_noun(operation)} '{given}' already exists.", chosen)
            if record_id is None:
                named[chosen] = given
            if found is not None:
                return self._replace(known, arguments, found, state)
        else:
            record_id = None
        if record_id is None:
            record_id = self._made_id(known, operation, arguments, scope, state)
        record = self._record(
            known, record_id, scope, {**known.fields(arguments), **named}, tuple(map(str, named.values()))
        )
        key = storage_key(record_id, scope)
        state = state.put(known.resource, key, record)
        return self._show(known, operation, arguments, key, record), state

    def _replace(
        self, known: KnownTool, arguments: Arguments, found: tuple[str, Record], state: WorldState
    ) -> tuple[Json, WorldState]:
        key, old = found
        fields = known.fields(arguments)
        record = replace(old, fields={**old.fields, **fields}, aliases=_aliases(known, old, fields), deleted=False)
        assert known.operation is not None  # noqa: S101 - only records of operations are replaced
        return self._show(known, known.operation, arguments, key, record), state.put(known.resource, key, record)

    def _list(self, known: KnownTool, operation: Operation, arguments: Arguments, state: WorldState) -> Json:
        tool = known.tool
        scope = scope_of(operation, arguments)
        item = known.record_schema
        chosen_records = selected(known, arguments, state)
        records = state.within(known.resource, scope) if chosen_records is None else chosen_records
        if item is None or tool.returns is None or operation.items_field is None:
            return self._plain(known, arguments, {})
        wanted = self._filters(known, item, arguments)
        named = [str(scope[name]) for name in scope if name in known.key_names]  # a list of one record's parts
        chosen = [pair for pair in records if _matches(pair[1], wanted) and _is_named(pair[1], named)]
        limit = min((v for name, v in arguments.items() if _limits(name) and type(v) is int), default=_MAX_LISTED)
        shown = [self._item(known, item, key, record) for key, record in chosen[: max(1, min(limit, _MAX_LISTED))]]
        if operation.items_field == "":
            return self._writer.shrink(shown)
        body = self._writer.listing(
            tool.returns, known.definitions, self._text(tool.id, _canonical(arguments)), operation.items_field, shown
        )
        return self._writer.shrink(body, frozenset({operation.items_field, *known.alias_fields, known.id_field or ""}))

    def _on_record(
        self, known: KnownTool, operation: Operation, arguments: Arguments, state: WorldState
    ) -> tuple[Json, WorldState]:
        """GET, UPDATE, DELETE and OTHER on one record, which must exist unless it is a singleton."""
        parameter = operation.keys[-1]
        scope = scope_of(operation, arguments)
        found = state.find(known.resource, arguments[parameter], scope)
        if found is None and operation.singleton:
            fields = whole_fields(known, arguments, state) if operation.action is Action.GET else {}
            found = storage_key(arguments[parameter], scope), Record(arguments[parameter], scope, fields)
        elif found is None and operation.action is Action.DELETE and known.idempotent_by_document:
            return self._plain(known, arguments, {}), self._act(known, arguments, state)
        elif found is None or (found[1].deleted and operation.action is not Action.UPDATE):
            raise NotFoundError(f"{_noun(operation)} '{arguments[parameter]}' not found.", parameter)
        key, record = found
        if operation.action is Action.UPDATE:
            fields = {name: v for name, v in known.fields(arguments).items() if name != known.id_field}
            changed = replace(
                record, fields={**record.fields, **fields}, aliases=_aliases(known, record, fields), deleted=False
            )
            state = state.put(known.resource, key, changed)
            if not fields:
                state = self._act(known, arguments, state)
            return self._show(known, operation, arguments, key, changed), state
        if operation.action is Action.DELETE:
            body = self._show(known, operation, arguments, key, record)
            if operation.singleton:
                return body, state.put(known.resource, key, replace(record, fields={}, deleted=True))
            return body, remove_with_parts(known, key, record, arguments, state)
        body = self._show(known, operation, arguments, key, record)
        return body, state if operation.action is Action.GET else self._act(known, arguments, state)

    # --- preparing --------------------------------------------------------------------------------------------

    def prepare(self, known: KnownTool, operation: Operation, arguments: Arguments, state: WorldState) -> WorldState:
        """The state in which the call finds its record, its parent, and in a list something."""
        state = prepare_parent(known, operation, arguments, state)
        scope = scope_of(operation, arguments)
        if operation.action is Action.LIST:
            return self._prepare_list(known, operation, arguments, scope, state)
        if operation.action is Action.CREATE or not addresses(operation, arguments):
            return state
        value = arguments[operation.keys[-1]]
        found = state.find(known.resource, value, scope)
        if operation.singleton:
            revived = found is not None and found[1].deleted
            return state.put(known.resource, found[0], replace(found[1], deleted=False)) if revived and found else state
        if found is not None:
            return state
        field = operation.id_field
        if field is None or field == known.id_field or field not in known.alias_fields:
            record = self._record(known, value, scope, {}, ())
        else:
            made = self._made_id(known, operation, arguments, scope, state)
            record = self._record(known, made, scope, {field: value}, (str(value),))
        return state.put(known.resource, storage_key(record.id, scope), record)

    def _prepare_list(
        self, known: KnownTool, operation: Operation, arguments: Arguments, scope: Arguments, state: WorldState
    ) -> WorldState:
        item = known.record_schema
        if item is None:
            return state
        wanted = self._filters(known, item, arguments)
        present = sum(_matches(record, wanted) for _, record in state.within(known.resource, scope))
        goal = 1 + int(self._writer.seeded(self._seed, known.resource, _canonical(dict(scope))).random() * 3)
        aliases = tuple(str(scope[name]) for name in scope if name in known.key_names)
        asked = [value for name in known.selectors for value in values_of(arguments.get(name))]
        for value in asked:
            if state.find(known.resource, value, scope) is None:
                record = self._record(known, value, scope, wanted, aliases)
                state = state.put(known.resource, storage_key(value, scope), record)
        for _ in range(0 if asked else goal - present):
            record_id = self._made_id(known, operation, arguments, scope, state)
            record = self._record(known, record_id, scope, wanted, aliases)
            state = state.put(known.resource, storage_key(record_id, scope), record)
        return state

    # --- ids and fields ---------------------------------------------------------------------------------------

    def _chosen_id(self, known: KnownTool, operation: Operation, scope: Arguments, given: Json) -> Json:
        """The id of a record that the caller names; none if the name is only another way to find it."""
        if operation.key_prefix and "parent" in scope and "/" not in str(given):
            return f"{scope['parent']}/{operation.key_prefix}/{given}"
        by_path = isinstance(known.tool.binding, HttpBinding)
        if by_path or known.id_field is None or operation.key_parameter == known.id_field or operation.keys:
            return given
        return None

    def _made_id(
        self, known: KnownTool, operation: Operation, arguments: Arguments, scope: Arguments, state: WorldState
    ) -> Json:
        """An id that no record of the resource has; it depends on the call and on which ids are taken."""
        schema = self._id_schema(known)
        name = known.id_field or "id"
        for attempt in range(_MAX_IDS):
            rng = self._writer.seeded(self._seed, known.resource, _canonical(arguments), str(attempt))
            if operation.key_prefix and "parent" in scope:
                slug = self._values.draw(rng, {"type": "string"}, {}, "name")
                made: Json = f"{scope['parent']}/{operation.key_prefix}/{slug}"
            else:
                made = self._draw_id(rng, schema, known, name)
            if state.find(known.resource, made, {}) is None:
                return made
        return f"{_canonical(arguments)}-{len(state.of(known.resource))}"

    def _draw_id(self, rng: random.Random, schema: Schema | None, known: KnownTool, name: str) -> Json:
        plain = {key: value for key, value in (schema or {"type": "string"}).items() if key not in _GIVEN}
        try:
            made = self._values.draw(rng, plain, known.definitions, name)
        except NoValueError:
            made = None
        return made if isinstance(made, str | int) and not isinstance(made, bool) else f"{rng.getrandbits(40):x}"

    def _id_schema(self, known: KnownTool) -> Schema | None:
        """What an id must be like: as its field says, and no other than the parameter takes that finds the record."""
        field, key = self._field_schema(known, known.id_field), known.key_schema
        if field is None or key is None:
            return field or key
        strict = "pattern" in key or "minLength" in key or schema_type(key) != schema_type(field)
        return key if strict and "pattern" not in field else field

    def _field_schema(self, known: KnownTool, field: str | None) -> Schema | None:
        if field is None or known.model is None:
            return None
        shape = self._writer.shape(known.model, known.definitions)
        return shape.properties.get(field)

    def _record(
        self, known: KnownTool, record_id: Json, scope: Arguments, fields: Arguments, aliases: tuple[str, ...]
    ) -> Record:
        """A record with a value for every field by which some tool may look for it."""
        given = {name: value for name, value in fields.items() if name != known.id_field}
        seed = self._text(known.resource, storage_key(record_id, scope))
        for field in known.alias_fields:
            schema = self._field_schema(known, field)
            if field not in given and schema is not None:
                given[field] = self._draw_id(self._writer.seeded(seed, field), schema, known, field)
            if field in given and str(given[field]) not in aliases:
                aliases = (*aliases, str(given[field]))
        return Record(record_id, dict(scope), given, aliases)

    # --- answers ----------------------------------------------------------------------------------------------

    def _show(self, known: KnownTool, operation: Operation, arguments: Arguments, key: str, record: Record) -> Json:
        """The response of an operation on one record."""
        values = {**arguments, **_values_of(known, record)}
        tool = known.tool
        if tool.returns is None:
            return {} if operation.action in {Action.DELETE, Action.OTHER} else _values_of(known, record)
        field = operation.record_field
        seed = self._text(known.resource, key)
        protected = frozenset(values)
        limits = self._writer.limits
        if field == "":
            body = self._writer.record(
                Form(tool.returns, known.definitions, known.noun), seed, values, limits.max_fields
            )
            return self._writer.shrink(body, protected)
        own = self._text(tool.id, _canonical(arguments))
        if field is None:
            ids = {name: v for name, v in values.items() if _is_own_id(known, name)}
            return self._writer.shrink(self._writer.body(tool.returns, known.definitions, own, ids), protected)
        inner = self._writer.shape(tool.returns, known.definitions).properties[field]
        shown = self._writer.record(Form(inner, known.definitions, known.noun), seed, values, limits.max_fields)
        body = self._writer.record(Form(tool.returns, known.definitions), own, {field: shown, "done": True}, 2)
        return self._writer.shrink({**body, field: shown}, protected | {field})

    def _item(self, known: KnownTool, item: Schema, key: str, record: Record) -> Json:
        """A record in a list: an object, or just its id where the list is of scalars."""
        if schema_type(item) in {"string", "integer", "number"}:
            return record.id
        limits = self._writer.limits
        seed = self._text(known.resource, key)
        return self._writer.record(
            Form(item, known.definitions, known.noun), seed, _values_of(known, record), limits.max_listed
        )

    def _plain(self, known: KnownTool, arguments: Arguments, values: Arguments) -> Json:
        """A response that shows no record: it depends on the tool and its arguments alone, and echoes them."""
        tool = known.tool
        if tool.returns is None:
            return {}
        seed = self._text(tool.id, _canonical(arguments))
        return self._writer.shrink(self._writer.body(tool.returns, known.definitions, seed, {**arguments, **values}))

    def _filters(self, known: KnownTool, item: Schema, arguments: Arguments) -> dict[str, Json]:
        """Arguments of a list call that name a field of its records."""
        operation = known.operation
        scope = operation.scope if operation is not None else ()
        shape = self._writer.shape(item, known.definitions)
        scalars = {
            name: value
            for name, value in arguments.items()
            if name not in scope and isinstance(value, str | int) and not _limits(name)
        }
        return self._writer.known(shape, scalars, known.definitions, known.noun)

    def _act(self, known: KnownTool, arguments: Arguments, state: WorldState) -> WorldState:
        if known.reads:
            return state
        return state.act(f"{known.tool.id} {_canonical(arguments)}", once=bool(known.tool.hints.idempotent))

    def _text(self, *parts: str) -> str:
        return "\0".join((self._seed, *parts))


def _values_of(known: KnownTool, record: Record) -> dict[str, Json]:
    """All that is explicitly known of a record, the id first."""
    own = known.operation.id_field if known.operation is not None and not known.operation.keys else None
    field = own or known.id_field
    identity = {} if field is None else {field: record.id}
    return {**identity, **record.fields, **{n: v for n, v in record.scope.items() if n not in record.fields}}


def _matches(record: Record, wanted: Arguments) -> bool:
    """Does nothing that is explicitly known of the record contradict the filters?"""
    return all(record.fields.get(name, value) == value for name, value in wanted.items())


def _is_named(record: Record, names: list[str]) -> bool:
    return all(name == str(record.id) or name in record.aliases for name in names)


def _is_own_id(known: KnownTool, name: str) -> bool:
    """Is it an id that says whose it is (`VpcId`), and so means the record wherever it stands?"""
    return len(identifier_words(name)) > 1 and (name == known.id_field or name in known.alias_fields)


def _aliases(known: KnownTool, record: Record, fields: Arguments) -> tuple[str, ...]:
    """A record's aliases after some fields have changed: a renamed record is found by its new name."""
    renamed = {str(record.fields[n]): str(fields[n]) for n in known.alias_fields if n in fields and n in record.fields}
    return tuple(renamed.get(alias, alias) for alias in record.aliases)


def _limits(name: str) -> bool:
    return "".join(identifier_words(name)) in _LIMITS


def _noun(operation: Operation) -> str:
    return _last_word(operation.resource)


def _last_word(resource: str) -> str:
    return resource.rsplit(":", 1)[-1].rsplit("/", 1)[-1]


def _canonical(value: Json) -> str:
    return canonical_json(value).decode()
