"""OpenAPI's schemas (3.0's, 3.1's and Swagger 2.0's dialects) to JSON Schema 2020-12 with shared definitions.

Only keywords that are understood and well-formed are kept, so whatever comes out is a valid schema. Losing a
constraint makes a schema accept more, and is preferred to losing the tool.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import unquote

from toolwise.catalog.draft import Allowance, Definitions, Draft
from toolwise.catalog.extensions import PATTERN_EXTENSION
from toolwise.catalog.keywords import COPIED, COUNTS, TYPES, fits, fitting, json_value, number, text, usable_pattern
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.merging import merge_all
from toolwise.catalog.prose import FIELD_LIMIT, plain
from toolwise.types import Schema

MAX_DEPTH = 48
"""Schemas nested deeper become the empty schema."""
_MAX_CHAIN = 24
"""Longest chain of `allOf` through references that is merged."""
_MAX_HOPS = 16
_ANNOTATIONS = frozenset({"description", "default", "example", "readOnly", "writeOnly"})
_WITH_CHILDREN = frozenset({"properties", "items", "prefixItems", "additionalProperties", "not"})
_COMBINING = frozenset({"allOf", "anyOf", "oneOf"})
_NESTING = _WITH_CHILDREN | _COMBINING | {"enum", "examples"}
_WITH_VALUES = frozenset({"const", "enum", "examples", "default", "example"})
_BOUNDS = frozenset({"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"})
_CONSTRAINTS = _BOUNDS | {key for key, _ in COPIED} | {"pattern", PATTERN_EXTENSION}
"""Most schemas have none of a group, and one look at all of it is quicker than one at each of its keywords."""


class Dialect:
    """Reads one document's references and schemas."""

    def __init__(self, document: dict[str, Any], draft: Draft, *, siblings: bool) -> None:
        """`siblings`: keywords beside a `$ref` count (OpenAPI 3.1); before, only its description is taken."""
        self._document = document
        self._draft = draft
        self._siblings = siblings
        self._allowance = Allowance()
        self._reported: set[str] = set()
        self._found: dict[str, Any] = {}
        self._converted: dict[str, Schema] = {}
        self._converting: set[str] = set()
        self._references: dict[str, Schema] = {}
        self._leaves: dict[tuple[Any, ...], Schema] = {}
        self.definitions = Definitions(self._definition)

    @cached_property
    def _anchors(self) -> dict[str, Any]:
        """The shared schemas that carry a name of their own (JSON Schema 2020-12, section 8.2.2); 3.1 has them."""
        components = self._document.get("components")
        schemas = components.get("schemas") if isinstance(components, dict) else None
        named = schemas.values() if self._siblings and isinstance(schemas, dict) else ()
        pairs = ((one["$anchor"], one) for one in named if isinstance(one, dict) and text(one.get("$anchor")))
        return {anchor: one for anchor, one in pairs if anchor and "/" not in anchor}

    def _report(self, target: str, reason: LeftOutReason, detail: str) -> None:
        if target not in self._reported:
            self._reported.add(target)
            self._draft.leave_out(target[:200], reason, detail)

    def _find(self, target: str) -> Any:
        """What a local JSON pointer (RFC 6901) leads to; none, and reported, where it leads nowhere."""
        if target in self._found:
            return self._found[target]
        if not target.startswith("#"):
            self._report(target, LeftOutReason.REMOTE_REFERENCE, "references to other documents are never fetched")
            return None
        if target[1:] in self._anchors:
            self._found[target] = self._anchors[target[1:]]
            return self._found[target]
        found: Any = self._document
        for part in target[1:].lstrip("/").split("/") if len(target) > 1 else ():
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and key in found:
                found = found[key]
            elif isinstance(found, list) and key.isdigit() and int(key) < len(found):
                found = found[int(key)]
            else:
                self._report(target, LeftOutReason.BROKEN_REFERENCE, "the document has nothing there")
                return None
        self._found[target] = found
        return found

    def resolved(self, value: Any) -> dict[str, Any]:
        """A parameter, body, response or path item, through its references; empty if it is no object."""
        hops = 0
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            hops += 1
            if hops > _MAX_HOPS:
                self._report(value["$ref"], LeftOutReason.BROKEN_REFERENCE, "the reference goes round in a circle")
                return {}
            target = self._find(value["$ref"])
            if not isinstance(target, dict):
                return {}
            beside = {key: item for key, item in value.items() if key != "$ref"}
            value = {**beside, **target} if beside else target
        return value if isinstance(value, dict) else {}

    def _definition(self, target: str) -> Schema:
        made = self._converted.get(target)
        if made is None:
            self._converting.add(target)
            made = self._converted[target] = self.convert(self._find(target))
            self._converting.discard(target)
        return made

    def expanded(self, schema: Schema) -> Schema | None:
        """A converted schema with its own reference replaced by what it refers to; none where that is endless."""
        for _ in range(_MAX_HOPS):
            target = schema.get("$ref")
            if target is None:
                return schema
            key = self.definitions.key(target)
            if key in self._converting or len(self._converting) > _MAX_CHAIN:
                return None
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            schema = {**self._definition(key), **beside}
        return None

    def _reference(self, schema: dict[str, Any], depth: int) -> Schema:
        target: str = schema["$ref"]
        made = self._references.get(target)
        if made is None:
            there = isinstance(self._find(target), dict)
            made = self.definitions.reference(target, unquote(target.rsplit("/", 1)[-1])) if there else {}
            self._references[target] = made
        if len(schema) == 1:
            return made
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        if beside:
            if not self._siblings:
                beside = {key: value for key, value in beside.items() if key == "description"}
            made = {**made, **self.convert(beside, depth + 1)}
        return made

    def convert(self, schema: Any, depth: int = 0) -> Schema:
        """A schema of this document as JSON Schema 2020-12. Raises DocumentError if it expands without bound.

        Equal schemas that hold nothing but scalars are converted once, and are one object afterwards: nobody may
        change what this gives. Two in three schemas of a document are such repetitions.
        """
        self._allowance.spend()
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return {"not": {}} if schema is False else {}
        if isinstance(schema.get("$ref"), str):
            return self._reference(schema, depth)
        if not _NESTING.isdisjoint(schema):
            return self._converted_one(schema, depth)
        values = schema.values()
        key = (*schema, *values, *map(type, values))  # types, because 1, 1.0 and True are equal
        try:
            known = self._leaves.get(key)
        except TypeError:  # it holds a list or an object
            return self._converted_one(schema, depth)
        if known is None:
            known = self._leaves[key] = self._converted_one(schema, depth)
        return known

    def _converted_one(self, schema: dict[str, Any], depth: int) -> Schema:
        made = _scalar_keywords(schema)
        if not _WITH_CHILDREN.isdisjoint(schema):
            self._children(schema, made, depth)
            if "type" not in made and ("properties" in made or "items" in made):
                made["type"] = "object" if "properties" in made else "array"
        if not _COMBINING.isdisjoint(schema):
            made = self._combined(schema, made, depth)
        if not _WITH_VALUES.isdisjoint(schema):
            _values(schema, made)
        return _nullable(made) if schema.get("nullable") is True or schema.get("x-nullable") is True else made

    def _children(self, schema: dict[str, Any], made: Schema, depth: int) -> None:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            made["properties"] = {n: self.convert(s, depth + 1) for n, s in properties.items() if text(n)}
            required = schema.get("required")
            listed = required if isinstance(required, list) else ()
            kept = [n for n in dict.fromkeys(n for n in listed if isinstance(n, str)) if n in made["properties"]]
            if kept:
                made["required"] = kept
        items = schema.get("items")
        if isinstance(items, list):  # a tuple, in the older dialects
            made["prefixItems"] = [self.convert(item, depth + 1) for item in items] or [{}]
        elif items is not None:
            made["items"] = self.convert(items, depth + 1)
        prefix = schema.get("prefixItems")
        if isinstance(prefix, list) and prefix and "prefixItems" not in made:
            made["prefixItems"] = [self.convert(item, depth + 1) for item in prefix]
        more = schema.get("additionalProperties")
        if isinstance(more, bool):
            made["additionalProperties"] = more
        elif isinstance(more, dict):
            made["additionalProperties"] = self.convert(more, depth + 1)
        if isinstance(schema.get("not"), dict):
            made["not"] = self.convert(schema["not"], depth + 1)

    def _combined(self, schema: dict[str, Any], made: Schema, depth: int) -> Schema:
        """`allOf` merged into one schema; `oneOf` as `anyOf`: without its discriminator it is seldom exclusive."""
        parts = [made]
        branches = schema.get("allOf")
        if isinstance(branches, list):
            parts.extend(self.convert(branch, depth + 1) for branch in branches)
        for key in ("anyOf", "oneOf"):
            options = schema.get(key)
            if isinstance(options, list) and options:
                parts.append(_choice([self.convert(option, depth + 1) for option in options]))
        if len(parts) == 1:
            return made
        if len(parts) == 2 and not set(made) - _ANNOTATIONS:  # the idiom for describing a reference
            return {**parts[1], **made}
        return merge_all(parts, self.expanded)


def _choice(options: list[Schema]) -> Schema:
    """`anyOf`, simplified where it only says "or null"."""
    real = [option for option in options if option != {"type": "null"}]
    if not real:
        return {"type": "null"}
    if len(real) == len(options) == 1:
        return real[0]
    if len(real) == 1 and isinstance(real[0].get("type"), str):
        return _nullable(real[0])
    return {"anyOf": options}


def _nullable(schema: Schema) -> Schema:
    kind = schema.get("type")
    if not schema or kind == "null":
        return schema
    if isinstance(kind, str):
        made = {**schema, "type": [kind, "null"]}
    elif isinstance(kind, list):
        made = {**schema, "type": list(dict.fromkeys([*kind, "null"]))}
    else:
        annotations = {key: value for key, value in schema.items() if key in _ANNOTATIONS}
        rest = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
        return {**annotations, "anyOf": [rest, {"type": "null"}]} if rest else schema
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    return made


def _types(value: Any) -> str | list[str] | None:
    if isinstance(value, str):
        if value in TYPES:
            return value
        return "string" if value == "file" else None  # Swagger 2.0
    if isinstance(value, list):
        kinds = [kind for kind in dict.fromkeys(k for k in value if isinstance(k, str)) if kind in TYPES]
        return kinds[0] if len(kinds) == 1 else kinds or None
    return None


def _scalar_keywords(schema: dict[str, Any]) -> Schema:
    made: Schema = {}
    if (kind := schema.get("type")) is not None and (kind := _types(kind)) is not None:
        made["type"] = kind
    if (given := schema.get("description")) and (description := plain(given, FIELD_LIMIT)):
        made["description"] = description
    if _CONSTRAINTS.isdisjoint(schema):
        return made
    for key, usable in COPIED:
        if key in schema and usable(schema[key]):
            made[key] = int(schema[key]) if key in COUNTS else schema[key]
    pattern = schema.get("pattern", schema.get(PATTERN_EXTENSION))
    if text(pattern) and (usable_one := usable_pattern(pattern)):
        made["pattern"] = usable_one
    _bounds(schema, made)
    return made


def _bounds(schema: dict[str, Any], made: Schema) -> None:
    """Bounds, where OpenAPI 3.0's `exclusiveMinimum` is a flag; a pair that nothing satisfies is dropped."""
    for key, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        bound, strict = schema.get(key), schema.get(exclusive)
        if number(bound):
            made[exclusive if strict is True else key] = bound
        if number(strict):
            made[exclusive] = strict
    for low, high in (("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")):
        if low in made and high in made and made[low] > made[high]:
            del made[low], made[high]


def _values(schema: dict[str, Any], made: Schema) -> None:
    """Enumerations, defaults and examples, where they are of the schema's own type."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(listed, list):
        kept = [fitted for value in listed if (fitted := fitting(value, made.get("type"))) is not None]
        if None in listed and "null" in (made.get("type") or ()):
            kept.append(None)
        ok, values = json_value(kept)
        if kept and ok:
            made["enum"] = values
    examples = schema.get("examples")
    if isinstance(examples, list) and examples and "example" not in schema:
        schema = {**schema, "example": examples[0]}
    for key in ("default", "example"):
        if key in schema and schema[key] is not None:
            ok, value = json_value(schema[key])
            if ok and fits(value, made.get("type")):
                made[key] = value
