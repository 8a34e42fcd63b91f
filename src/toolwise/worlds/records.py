"""The state of a simulated world: records by resource, and acts that leave no record; immutable throughout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolwise.errors import DataError
from toolwise.types import Json
from toolwise.worlds.persistent import PersistentMap


@dataclass(frozen=True, slots=True)
class Record:
    """One record. What it does not hold explicitly is generated from the seed and its identity."""

    id: Json
    scope: Mapping[str, Json] = field(default_factory=dict)
    """Scope parameter -> value: which collection it is in."""
    fields: Mapping[str, Json] = field(default_factory=dict)
    """Fields that were given or assigned."""
    aliases: tuple[str, ...] = ()
    """Other values by which it is found (an ARN beside an id)."""
    deleted: bool = False
    """Only for singletons, which otherwise exist without being created."""

    def as_json(self) -> dict[str, Json]:
        made: dict[str, Json] = {"id": self.id}
        if self.scope:
            made["scope"] = dict(self.scope)
        if self.fields:
            made["fields"] = dict(self.fields)
        if self.aliases:
            made["aliases"] = list(self.aliases)
        if self.deleted:
            made["deleted"] = True
        return made


def storage_key(record_id: Json, scope: Mapping[str, Json]) -> str:
    """A record's key within its resource: the values of its scope in order of their names, then its id."""
    if str(record_id).startswith(f"{scope.get('parent')}/"):
        return str(record_id)
    return "/".join([*(str(scope[name]) for name in sorted(scope)), str(record_id)])


def _agrees(record: Record, scope: Mapping[str, Json]) -> bool:
    """Is the record in that collection, as far as both say which?"""
    own = record.scope
    return all(str(own[name]) == str(value) for name, value in scope.items() if name in own)


@dataclass(frozen=True, slots=True)
class WorldState:
    """All records and acts. Every change gives a new state; keeping an old one is free."""

    records: PersistentMap[PersistentMap[Record]] = field(default_factory=PersistentMap)
    """Resource -> storage key -> record. A resource that ever had a record stays, if only empty."""
    index: PersistentMap[tuple[str, ...]] = field(default_factory=PersistentMap)
    """`resource NUL id-or-alias` -> storage keys."""
    acts: PersistentMap[int] = field(default_factory=PersistentMap)
    """Act (tool and arguments) -> how often it was done."""

    def knows(self, resource: str) -> bool:
        """Did the resource ever have a record in this world?"""
        return resource in self.records

    def of(self, resource: str) -> PersistentMap[Record]:
        """The records of a resource by storage key."""
        return self.records.get(resource) or PersistentMap()

    def find(self, resource: str, record_id: Json, scope: Mapping[str, Json]) -> tuple[str, Record] | None:
        """(storage key, record) of the record with that id or alias in that collection."""
        records = self.records.get(resource)
        if records is None:
            return None
        for key in self.index.get(f"{resource}\0{record_id}") or ():
            record = records.get(key)
            if record is not None and _agrees(record, scope):
                return key, record
        return None

    def within(self, resource: str, scope: Mapping[str, Json]) -> list[tuple[str, Record]]:
        """The collection's records, by storage key."""
        found = [item for item in self.of(resource).items() if not item[1].deleted and _agrees(item[1], scope)]
        found.sort(key=lambda item: item[0])
        return found

    def put(self, resource: str, key: str, record: Record) -> WorldState:
        """This state with a record added or replaced."""
        old = self.of(resource).get(key)
        if old is not None and (old.id, old.aliases) != (record.id, record.aliases):
            return self.remove(resource, key).put(resource, key, record)
        index = self.index
        if old is None:
            for value in (record.id, *record.aliases):
                entry = f"{resource}\0{value}"
                keys = index.get(entry) or ()
                if key not in keys:
                    index = index.set(entry, tuple(sorted((*keys, key))))
        return WorldState(self.records.set(resource, self.of(resource).set(key, record)), index, self.acts)

    def remove(self, resource: str, key: str) -> WorldState:
        """This state without a record."""
        record = self.of(resource).get(key)
        if record is None:
            return self
        index = self.index
        for value in (record.id, *record.aliases):
            entry = f"{resource}\0{value}"
            keys = tuple(k for k in index.get(entry) or () if k != key)
            index = index.set(entry, keys) if keys else index.without(entry)
        return WorldState(self.records.set(resource, self.of(resource).without(key)), index, self.acts)

    def act(self, name: str, *, once: bool) -> WorldState:
        """This state with an act done; `once` for an idempotent one, which counts once however often it is done."""
        done = 1 if once else (self.acts.get(name) or 0) + 1
        return WorldState(self.records, self.index, self.acts.set(name, done))

    def as_json(self) -> dict[str, Json]:
        """The whole state, sorted; equal states are equal objects. Empty for an untouched world."""
        made: dict[str, Json] = {}
        if len(self.records):
            made["records"] = {
                resource: {key: record.as_json() for key, record in _sorted(records.items())}
                for resource, records in _sorted(self.records.items())
            }
        if len(self.acts):
            made["acts"] = dict(_sorted(self.acts.items()))
        return made


def _sorted(items: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return sorted(items, key=lambda item: item[0])


def load_state(start: Mapping[str, Json]) -> WorldState:
    """A state from its JSON form. Raises DataError."""
    state = WorldState()
    try:
        for resource, records in (start.get("records") or {}).items():
            state = WorldState(state.records.set(resource, PersistentMap()), state.index, state.acts)
            for key, data in records.items():
                record = Record(
                    data["id"],
                    data.get("scope") or {},
                    data.get("fields") or {},
                    tuple(data.get("aliases") or ()),
                    bool(data.get("deleted")),
                )
                state = state.put(resource, key, record)
        acts = state.acts
        for name, count in (start.get("acts") or {}).items():
            acts = acts.set(name, int(count))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"the world's start state is malformed ({type(error).__name__}: {error}); "
            "it must have the form that the session's state() gives"
        ) from error
    return WorldState(state.records, state.index, acts)
