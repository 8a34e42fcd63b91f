"""Reading values back from a request: the styles of OpenAPI 3.1.1 ("Style Values") and RFC 6570."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from toolwise.schemas import merged, schema_type
from toolwise.types import Json, ParameterStyle, Schema

Definitions = Mapping[str, Schema]
Fields = Mapping[str, Sequence[str]]
"""A query's or form's values by name."""

SEPARATORS = {
    ParameterStyle.FORM: ",",
    ParameterStyle.SPACE_DELIMITED: " ",
    ParameterStyle.PIPE_DELIMITED: "|",
    ParameterStyle.TAB_DELIMITED: "\t",
    ParameterStyle.LABEL_EXPLODED: ".",
    ParameterStyle.MATRIX_EXPLODED: ";",
}
"""Between the parts of an array or object; a comma for the others."""
_EXPLODED = frozenset({ParameterStyle.SIMPLE_EXPLODED, ParameterStyle.LABEL_EXPLODED, ParameterStyle.MATRIX_EXPLODED})
_LABELS = frozenset({ParameterStyle.LABEL, ParameterStyle.LABEL_EXPLODED})
_MATRICES = frozenset({ParameterStyle.MATRIX, ParameterStyle.MATRIX_EXPLODED})
_INTEGER = re.compile(r"-?\d{1,300}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,300}(\.\d{0,300})?([eE][+-]?\d{1,3})?", re.ASCII)
_STEP = re.compile(r"\[([^\[\]]*)\]")
_WORDS: Mapping[str, Json] = {"true": True, "false": False, "null": None}
_MAX_BRANCHES = 16
_MAX_DEPTH = 8
_MAX_INDEX = 1_000
_BIGGEST = 2**63


class Reader:
    """Text to values of one tool's schemas. What cannot be as its schema says stays text: the tool will say so."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions

    def whole(self, schema: Any) -> Schema:
        """The schema without references and `allOf`; the empty one for what is none."""
        return merged(schema, self._definitions) if isinstance(schema, dict) else {}

    def field(self, wire: str, fields: Fields, schema: Schema, style: ParameterStyle) -> tuple[Json, frozenset[str]]:
        """A parameter of a query or form, and the names of the fields that it took (none: it is not there)."""
        whole = self.whole(schema)
        kind = schema_type(whole)
        if style is ParameterStyle.DEEP_OBJECT and kind in ("object", "array"):
            taken = frozenset(name for name in fields if name.startswith(f"{wire}["))
            return (self._deep(wire, {name: fields[name] for name in taken}, whole), taken) if taken else (None, taken)
        if wire in fields:
            values, taken = fields[wire], frozenset({wire})
            if kind == "array" and style is ParameterStyle.FORM_EXPLODED:
                return [self.text(value, whole.get("items")) for value in values], taken
            return self.styled(values[-1], wire, whole, style), taken
        if kind == "object" and style is ParameterStyle.FORM_EXPLODED:
            properties = self._properties(whole)
            taken = frozenset(name for name in properties if name in fields)
            return {name: self.text(fields[name][-1], properties[name]) for name in properties if name in taken}, taken
        return None, frozenset()

    def styled(self, text: str, wire: str, schema: Schema, style: ParameterStyle) -> Json:
        """One text that carries a whole value."""
        whole = self.whole(schema)
        kind = schema_type(whole)
        if style in _LABELS:
            text = text.removeprefix(".")
        elif style in _MATRICES:
            text = text.removeprefix(";")
            named = kind == "array" or style is ParameterStyle.MATRIX or kind != "object"
            text = text.removeprefix(f"{wire}=") if named else text
        separator = SEPARATORS.get(style, ",")
        if style is ParameterStyle.JSON or (kind == "object" and text[:1] == "{"):
            return self._json(text)
        if kind == "array":
            parts = text.split(separator) if text else []
            if style is ParameterStyle.MATRIX_EXPLODED:
                parts = [part.removeprefix(f"{wire}=") for part in parts]
            return [self.text(part, whole.get("items")) for part in parts]
        if kind == "object" and text:
            return self._object(text.split(separator), whole, exploded=style in _EXPLODED) or text
        return self.text(text, whole)

    def _object(self, parts: Sequence[str], whole: Schema, *, exploded: bool) -> dict[str, Json] | None:
        """`a=1,b=2`, or `a,1,b,2`."""
        if exploded:
            items = [part.partition("=")[::2] for part in parts]
        elif len(parts) % 2:
            return None
        else:
            items = list(zip(parts[::2], parts[1::2], strict=True))
        properties = self._properties(whole)
        return {name: self.text(value, properties.get(name)) for name, value in items}

    def _deep(self, wire: str, fields: Fields, whole: Schema) -> Json:
        """`name[a]=1&name[b][0]=2`."""
        tree: dict[str, Any] = {}
        for name, values in sorted(fields.items()):
            steps = _STEP.findall(name.removeprefix(wire))[:_MAX_DEPTH]
            at = tree
            for step in steps[:-1]:
                inner = at.setdefault(step, {})
                at = inner if isinstance(inner, dict) else {}
            if steps:
                at[steps[-1]] = list(values)
        return self._grown(tree, whole)

    def _grown(self, tree: Any, schema: Any) -> Json:
        """A tree of steps as objects and arrays, its leaves as their schemas say."""
        whole = self.whole(schema)
        is_array = schema_type(whole) == "array"
        if isinstance(tree, list):
            return [self.text(value, whole.get("items")) for value in tree] if is_array else self.text(tree[-1], whole)
        if is_array and all(step.isdigit() and int(step[:9]) < _MAX_INDEX for step in tree):
            return [self._grown(tree[step], whole.get("items")) for step in sorted(tree, key=int)]
        if is_array and set(tree) == {""}:
            return self._grown(tree[""], whole)
        properties = self._properties(whole)
        return {step: self._grown(inner, properties.get(step)) for step, inner in tree.items()}

    def _properties(self, whole: Schema) -> Mapping[str, Any]:
        properties = whole.get("properties")
        return properties if isinstance(properties, dict) else {}

    def _json(self, text: str) -> Json:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text

    def text(self, text: str, schema: Any) -> Json:
        """A single value."""
        for kind in _types(self.whole(schema)):
            found, value = _read(text, kind)
            if found:
                return value
        return text


def _types(schema: Schema) -> list[str]:
    """The schema's possible types, the narrowest first and text last."""
    kind = schema.get("type")
    kinds = [str(one) for one in kind] if isinstance(kind, list) else []
    if isinstance(kind, str):
        kinds = [kind]
    for key in ("anyOf", "oneOf"):
        branches = schema.get(key)
        if not kinds and isinstance(branches, list):
            kinds = [schema_type(branch) for branch in branches[:_MAX_BRANCHES] if isinstance(branch, dict)]
    if not kinds:
        values = schema.get("enum")
        kinds = sorted({_type_of(value) for value in values}) if isinstance(values, list) else [schema_type(schema)]
    order = ("null", "boolean", "integer", "number", "object", "array", "string")
    return sorted((kind for kind in kinds if kind in order), key=order.index)


def _type_of(value: Any) -> str:
    return {bool: "boolean", int: "integer", float: "number", str: "string"}.get(type(value), "null")


def _read(text: str, kind: str) -> tuple[bool, Json]:
    """(is it of that type, its value)."""
    if kind in ("integer", "number") and _INTEGER.fullmatch(text):
        value = int(text)
        return True, value if -_BIGGEST <= value < _BIGGEST else float(text)  # as JSON's reader does
    if kind == "number" and _NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return True, float(text)
    if kind in ("boolean", "null"):
        word = _WORDS.get(text, text)
        return (isinstance(word, bool) if kind == "boolean" else word is None), word
    if kind in ("object", "array") and text[:1] in ("{", "["):
        try:
            return True, orjson.loads(text)
        except orjson.JSONDecodeError:
            return False, text
    return kind == "string", text
