"""What a response's shape says: where its list is, where its record is, which field names the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolwise.resources.words import is_plural, singular_noun, word_set
from toolwise.schemas import merged, reference_name, schema_type
from toolwise.text import identifier_words
from toolwise.types import Schema

Definitions = Mapping[str, Schema]

_LIST_NAMES = word_set(
    "items data results result entries values value list records elements rows resources objects content hits"
)
_RECORD_NAMES = word_set("data result item record response object resource entity payload")
_RECORD_SUFFIXES = word_set("description detail details summary info data result")
_PAGING = word_set("next token cursor page total count offset limit marker truncated has more")
_ID_LINE = "id identifier sid gid uid uuid guid key arn name number url slug code"
ID_WORDS = tuple(_ID_LINE.split())
"""Last words by which a field or parameter names a record, best first."""
_ID_SET = frozenset(ID_WORDS)
_NAMING = frozenset({"id", "identifier", "sid", "gid", "uid", "uuid", "guid", "arn", "name"})
_OPAQUE = frozenset({"id", "identifier", "gid", "sid", "uid", "uuid", "guid"})
_SCALARS = frozenset({"string", "integer", "number"})


def properties_of(schema: Schema | None, definitions: Definitions) -> Mapping[str, Schema]:
    """The properties of an object schema; empty for anything else."""
    if schema is None:
        return {}
    properties = merged(schema, definitions).get("properties")
    return properties if isinstance(properties, dict) else {}


def kind_of(schema: Schema, definitions: Definitions) -> str:
    """The type to treat a schema as, references and `allOf` followed."""
    return schema_type(merged(schema, definitions))


def items_of(schema: Schema, definitions: Definitions) -> Schema | None:
    """An array schema's item schema."""
    whole = merged(schema, definitions)
    items = whole.get("items")
    return items if schema_type(whole) == "array" and isinstance(items, dict) else None


def find_items(schema: Schema | None, definitions: Definitions, noun: Sequence[str]) -> str | None:
    """The array field that lists a noun's records; empty if the response is the array, none if it has none."""
    if schema is None:
        return None
    if kind_of(schema, definitions) == "array":
        return ""
    properties = properties_of(schema, definitions)
    arrays = [name for name, part in properties.items() if kind_of(part, definitions) == "array"]
    wanted = singular_noun(tuple(noun))
    for name in arrays:
        words = singular_noun(identifier_words(name))
        if wanted and (words == wanted or wanted[-len(words) :] == words or words[-len(wanted) :] == wanted):
            return name
    for name in arrays:
        if name.lower() in _LIST_NAMES:
            return name
    others = [n for n in properties if n not in arrays and not _PAGING & set(identifier_words(n))]
    objects = [n for n in arrays if _lists_objects(properties[n], definitions)]
    if len(objects) == 1 and len(others) <= 3 and is_plural(identifier_words(objects[0])[-1]):
        return objects[0]
    return arrays[0] if len(arrays) == 1 and not others else None


def _lists_objects(schema: Schema, definitions: Definitions) -> bool:
    items = items_of(schema, definitions)
    return items is not None and kind_of(items, definitions) == "object"


def looks_like_list(schema: Schema | None, definitions: Definitions, field: str | None) -> bool:
    """Is the response mainly that array, and not a record that happens to hold one?"""
    if schema is None or field is None:
        return False
    if field == "":
        return True
    rest = [n for n in properties_of(schema, definitions) if n != field]
    foreign = [n for n in rest if not _PAGING & set(identifier_words(n))]
    return len(foreign) <= 4 and not any(n.lower() in {"id", "gid", "sid", "uuid"} for n in foreign)


def find_record(
    schema: Schema | None, definitions: Definitions, noun: Sequence[str], model: Schema | None
) -> str | None:
    """Where a response holds a record of the noun: empty for the whole response, a field, or none.

    `model` is the record's schema as another operation of the resource gives it, where one is known.
    """
    if schema is None:
        return None
    properties = properties_of(schema, definitions)
    if _is_operation(schema) and "operation" not in singular_noun(tuple(noun)):
        return None
    kinds = {name: kind_of(part, definitions) for name, part in properties.items()}
    objects = [name for name, kind in kinds.items() if kind == "object"]
    if model is not None:
        places = [("", schema), *((name, properties[name]) for name in objects)]
        same = next((name for name, part in places if same_record(part, model, definitions)), None)
        if same is not None:
            return same
    found = _by_noun(kinds, objects, noun, bare=model is None or len(kinds) <= 3)
    if found is not None:
        return found
    return "" if model is None and properties else None


def result_field(schema: Schema | None, definitions: Definitions) -> str | None:
    """Where a long-running operation carries what it made: a free object beside `done`; none for anything else."""
    properties = properties_of(schema, definitions)
    if "done" not in properties:
        return None
    for name in ("response", "result"):
        part = properties.get(name)
        if part is not None and kind_of(part, definitions) == "object" and not properties_of(part, definitions):
            return name
    return None


def _is_operation(schema: Schema) -> bool:
    """Is it, by its name, a long-running operation rather than its result?"""
    name = reference_name(schema)
    return name is not None and "operation" in identifier_words(name)


def _by_noun(kinds: Mapping[str, str], objects: Sequence[str], noun: Sequence[str], *, bare: bool) -> str | None:
    """The record's place by names alone: its id at the top, a field named by the noun, or a lone wrapper.

    `bare`: an `id` or `name` without the noun counts too.
    """
    wanted = singular_noun(tuple(noun))
    if any(_names_this(name, wanted, bare=bare) for name, kind in kinds.items() if kind in _SCALARS):
        return ""
    for name in objects:
        words = singular_noun(identifier_words(name))
        if words == wanted or (len(words) > 1 and words[:-1] == wanted and words[-1] in _RECORD_SUFFIXES):
            return name
    if len(kinds) <= 3 and objects:
        wrapper = next((name for name in objects if name.lower() in _RECORD_NAMES), None)
        return wrapper or (objects[0] if len(kinds) == 1 else None)
    return None


def _names_this(field: str, noun: tuple[str, ...], *, bare: bool) -> bool:
    """Is a response field the id of the noun's own record: `portalId`, `arn`, `id`?"""
    words = identifier_words(field)
    return bool(words) and words[-1] in _NAMING and words[:-1] in ({(), noun, noun[-1:]} if bare else {noun, noun[-1:]})


def same_record(schema: Schema, model: Schema, definitions: Definitions) -> bool:
    """Do two schemas describe the same kind of record? By reference, else by the share of common fields."""
    first, second = reference_name(schema), reference_name(model)
    if first is not None and first == second:
        return True
    if _is_operation(schema) and not _is_operation(model):
        return False
    here, there = set(properties_of(schema, definitions)), set(properties_of(model, definitions))
    smaller = min(len(here), len(there))
    return smaller > 0 and len(here & there) >= max(1, (smaller + 1) // 2)


def record_schema(response: Schema | None, definitions: Definitions, field: str | None) -> Schema | None:
    """The schema of the record that a response holds in `field`."""
    if response is None or field is None:
        return None
    if field == "":
        return response
    return properties_of(response, definitions).get(field)


def find_id_field(parameter: str, description: str, noun: Sequence[str], record: Mapping[str, str]) -> str | None:
    """The record field that a key parameter names. `record` maps field -> type; scalars are considered.

    By name first (`fileId` -> `fileId`, `id`), then by the noun (`instance` -> `name` where its description says so).
    """
    fields = {field: identifier_words(field) for field, kind in record.items() if kind in _SCALARS}
    words = identifier_words(parameter)
    for field, parts in fields.items():
        if parts == words:
            return field
    ends = _endings(words, description)
    for end in ends:
        for field, parts in fields.items():
            if parts == (end,):
                return field
    nouns = {singular_noun(tuple(noun)), singular_noun(tuple(noun))[-1:], singular_noun(words)}
    loose = ("arn", "name") if words[-1] in _OPAQUE else ()
    for end in (*ends, *loose):
        for field, parts in fields.items():
            if parts[-1] == end and singular_noun(parts[:-1]) in nouns:
                return field
    return next((field for end in loose for field, parts in fields.items() if parts == (end,)), None)


def _endings(words: Sequence[str], description: str) -> tuple[str, ...]:
    """Id words to look for, in order, given the parameter's own last word and what its description says."""
    if words[-1] in _OPAQUE:
        return (words[-1], *(w for w in ("id", "gid", "sid", "uid", "uuid", "guid", "identifier") if w != words[-1]))
    if words[-1] == "key":
        return ("key", "id", "name")
    if words[-1] in _ID_SET:
        return (words[-1],)
    said = description.lower()
    if "name" in said and "id" not in said.split():
        return ("name", *(w for w in ID_WORDS if w != "name"))
    return ID_WORDS


def names_noun(parameter: str, noun: Sequence[str]) -> bool:
    """Does a parameter identify one record of the noun: `VpcId`, `table_name`, `Id`, `bucket` for a bucket?"""
    words = identifier_words(parameter)
    if not words:
        return False
    wanted = singular_noun(tuple(noun))
    if words[-1] in _ID_SET:
        stem = words[:-1]
        return not stem or stem == wanted or (len(stem) >= 1 and wanted[-len(stem) :] == stem)
    return singular_noun(words) == wanted or words == wanted[-len(words) :]


def scalar_fields(schema: Schema | None, definitions: Definitions) -> dict[str, str]:
    """Field -> type of an object schema."""
    return {name: kind_of(part, definitions) for name, part in properties_of(schema, definitions).items()}
