"""Records that hang together: what a call refers to must exist, and what belongs to a record goes with it, or first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from toolwise.resources import Operation, Reference
from toolwise.resources.responses import properties_of
from toolwise.text import identifier_words
from toolwise.types import Json
from toolwise.worlds.addressing import Arguments, parent_of
from toolwise.worlds.records import Record, WorldState, storage_key
from toolwise.worlds.refusals import ExistsError, NotFoundError
from toolwise.worlds.tooling import KnownTool

_IDS = ("id", "arn", "url", "name")


MustExist = Callable[[KnownTool, str, WorldState], bool]
"""Must records of this resource exist for a tool to refer to them, or are they taken on trust?"""


def nothing_on_trust(known: KnownTool, resource: str, state: WorldState) -> bool:
    """A closed world: all must exist that some tool creates; of others nobody can say which exist."""
    del state
    return resource in known.creators


def all_on_trust(known: KnownTool, resource: str, state: WorldState) -> bool:
    """An open world: records of a resource that never had one are taken on trust."""
    del known
    return state.knows(resource)


def trust_of(candidates: frozenset[str]) -> MustExist:
    """Whoever can call a tool that creates the resource's records, and has not, refers to nothing; any other may mean
    a record from before. `candidates`: the tools that can be called; empty for all."""

    def must_exist(known: KnownTool, resource: str, state: WorldState) -> bool:
        creators = known.creators.get(resource)
        if creators and (not candidates or not candidates.isdisjoint(creators)):
            return True
        return state.knows(resource)

    return must_exist


def require_related(known: KnownTool, arguments: Arguments, state: WorldState, must_exist: MustExist) -> None:
    """The records that the call refers to must exist, where nothing is taken on trust. Raises NotFoundError."""
    for reference, value in missing(known, arguments, state):
        if must_exist(known, reference.resource, state):
            raise NotFoundError(f"{_noun(reference.resource)} '{value}' not found.", reference.parameter)
    operation = known.operation
    if operation is None or not known.parent or not must_exist(known, known.parent, state):
        return
    parent = parent_of(known, operation, arguments)
    if parent is not None and state.find(known.parent, parent[1], parent[2]) is None:
        raise NotFoundError(f"{_noun(known.parent)} '{parent[1]}' not found.", parent[0])


def whole_fields(known: KnownTool, arguments: Arguments, state: WorldState) -> dict[str, Json]:
    """What a part shows of its whole: fields of the same name, and the whole's id where a field is named so."""
    operation = known.operation
    parent = parent_of(known, operation, arguments) if operation is not None else None
    found = None if parent is None else state.find(known.parent, parent[1], parent[2])
    if found is None or known.tool.returns is None:
        return {}
    whole, noun = found[1], identifier_words(_noun(known.parent))
    shown = properties_of(known.tool.returns, known.definitions)
    named = {name: whole.id for name in shown if identifier_words(name)[:-1] == noun and name.lower().endswith(_IDS)}
    return {**named, **{name: value for name, value in whole.fields.items() if name in shown}}


def values_of(given: Json) -> list[Json]:
    """An argument's values, whether it is one or a list; not counting what cannot name a record."""
    values = given if isinstance(given, list) else [given]
    return [value for value in values if isinstance(value, str | int) and not isinstance(value, bool)]


def selected(known: KnownTool, arguments: Arguments, state: WorldState) -> list[tuple[str, Record]] | None:
    """The records that a describing call asks for; none if it asks for none in particular. Raises NotFoundError."""
    found: dict[str, Record] = {}
    asked = False
    for name in known.selectors:
        for value in values_of(arguments.get(name)):
            asked = True
            record = state.find(known.resource, value, arguments)
            if record is None or record[1].deleted:
                raise NotFoundError(f"{_noun(known.resource)} '{value}' not found.", name)
            found[record[0]] = record[1]
    return sorted(found.items()) if asked else None


def remove_with_parts(
    known: KnownTool, key: str, record: Record, arguments: Mapping[str, Json], state: WorldState
) -> WorldState:
    """The state without the record and what is inside it. Raises ExistsError if that had to be removed before."""
    names = {str(record.id), *record.aliases}
    for child in known.children:
        for child_key, other in state.of(child.resource).items():
            if str(other.scope.get(child.parameter, other.fields.get(child.parameter))) not in names:
                continue
            if known.needs_empty:
                field = known.operation.keys[-1] if known.operation and known.operation.keys else ""
                shown = arguments.get(field, record.id)
                raise ExistsError(f"{_noun(known.resource)} '{shown}' still has a {_noun(child.resource)}.", field)
            if child.inside:
                state = state.remove(child.resource, child_key)
    return state.remove(known.resource, key)


def missing(known: KnownTool, arguments: Arguments, state: WorldState) -> Iterator[tuple[Reference, Json]]:
    """The references of a call to records that do not exist, with their values."""
    for reference in known.references:
        value = arguments.get(reference.parameter)
        named = isinstance(value, str | int) and not isinstance(value, bool)
        if named and state.find(reference.resource, value, arguments) is None:
            yield reference, value


def prepare_parent(known: KnownTool, operation: Operation, arguments: Arguments, state: WorldState) -> WorldState:
    """The state with the parent that the call names."""
    parent = parent_of(known, operation, arguments)
    if parent is None or state.find(known.parent, parent[1], parent[2]) is not None:
        return state
    return state.put(known.parent, storage_key(parent[1], parent[2]), Record(parent[1], parent[2]))


def _noun(resource: str) -> str:
    return resource.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
