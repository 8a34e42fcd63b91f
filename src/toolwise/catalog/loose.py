"""Function schemas as people write them, made JSON Schema: odd type names, flat maps of parameters, lists of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from toolwise.catalog.documents import DocumentError
from toolwise.catalog.keywords import TYPES, text
from toolwise.catalog.left_out import LeftOutReason
from toolwise.catalog.type_names import says_optional, schema_of
from toolwise.types import Json

MAX_DEPTH = 60
"""Schemas nested deeper accept anything; the dialect's own limit is lower."""

_SUBSCHEMAS = ("items", "additionalProperties", "not", "contains")
_SUBSCHEMA_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SUBSCHEMA_MAPS = ("properties", "$defs", "definitions")
_WHOLE = frozenset({"$ref", "anyOf", "oneOf", "allOf"})
_MAX_VALUE = 400
_TRUTHS = {"true": True, "false": False}

Refer = Callable[[str], str | None]
"""Makes a reference of the schema one of the whole document; none drops it."""


def typed(value: Json, kind: object) -> Json:
    """A default or example, which people write as a string, in the schema's own type where it can be read so."""
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None or not isinstance(value, str) or len(value) > _MAX_VALUE:
        return value
    try:
        return read(value)
    except (ValueError, OverflowError):
        return value


def _integer(value: str) -> Json:
    number = float(value)
    return int(value) if value.strip().lstrip("+-").isdigit() else int(number) if number == int(number) else value


def _number(value: str) -> Json:
    return float(value) if any(c in value for c in ".eE") else int(value)


def _container(value: str) -> Json:
    return orjson.loads(value) if value.lstrip()[:1] in ("[", "{") else value


_READERS: dict[str, Callable[[str], Json]] = {
    "integer": _integer,
    "number": _number,
    "boolean": lambda value: _TRUTHS.get(value.strip().lower(), value),
    "array": _container,
    "object": _container,
}


def loosen(schema: Any, refer: Refer, depth: int = 0) -> Any:
    """A schema whose type names, defaults and requirements are written as JSON Schema writes them."""
    if isinstance(schema, str):
        return schema_of(schema)
    if not isinstance(schema, dict) or depth > MAX_DEPTH:
        return schema if isinstance(schema, bool) else {}
    made = {key: value for key, value in schema.items() if isinstance(key, str)}
    _loosen_type(made)
    target = made.pop("$ref", None)
    if isinstance(target, str) and (local := refer(target)) is not None:
        made["$ref"] = local
    for key in _SUBSCHEMAS:
        if key in made:
            value = made[key]
            made[key] = (
                [loosen(item, refer, depth + 1) for item in value]
                if isinstance(value, list)
                else loosen(value, refer, depth + 1)
            )
    for key in _SUBSCHEMA_LISTS:
        if isinstance(made.get(key), list):
            made[key] = [loosen(item, refer, depth + 1) for item in made[key]]
    for key in _SUBSCHEMA_MAPS:
        if isinstance(made.get(key), dict):
            made[key] = {name: loosen(item, refer, depth + 1) for name, item in made[key].items()}
    _lift_required(schema, made)
    _loosen_values(made)
    return made


def _loosen_type(made: dict[str, Any]) -> None:
    kind = made.get("type")
    if isinstance(kind, list):
        known: list[str] = []
        for one in kind:
            found = schema_of(one).get("type") if isinstance(one, str) else None
            known.extend([found] if isinstance(found, str) else found or [])
        made["type"] = known
    elif isinstance(kind, str) and kind not in TYPES:
        del made["type"]
        for key, value in schema_of(kind).items():
            made.setdefault(key, value)
    elif isinstance(kind, dict):  # {"type": {"type": "string"}}
        del made["type"]


def _lift_required(schema: dict[str, Any], made: dict[str, Any]) -> None:
    """`required: true` inside a property says what the object's own list should."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    listed = schema.get("required")
    required = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    lifted = (n for n, value in properties.items() if isinstance(value, dict) and value.get("required") is True)
    if named := list(dict.fromkeys([*required, *lifted])):
        made["required"] = named


def _loosen_values(made: dict[str, Any]) -> None:
    if "example" not in made and "example_value" in made:  # ToolBench's functions
        made["example"] = made["example_value"]
    for key in ("default", "example"):
        if made.get(key) == "" and made.get("type") != "string":
            del made[key]
        elif key in made:
            made[key] = typed(made[key], made.get("type"))


def as_object(parameters: Any) -> dict[str, Any]:
    """What a function calls its parameters, as the schema of an object.

    A schema stays what it is; a flat map of parameters, a list of named ones and a string of JSON become one.
    Raises DocumentError for anything else.
    """
    if isinstance(parameters, str) and parameters.strip():
        try:
            parameters = orjson.loads(parameters)
        except orjson.JSONDecodeError as error:
            raise DocumentError(LeftOutReason.INVALID_SCHEMA, f"its parameters are not valid JSON: {error}") from error
    if parameters in (None, "", {}, []):
        return {"type": "object", "properties": {}}
    if isinstance(parameters, list):
        return _from_list(parameters)
    if not isinstance(parameters, dict):
        raise DocumentError(LeftOutReason.INVALID_SCHEMA, f"its parameters are a {type(parameters).__name__}")
    if set(parameters) == {"json"}:  # Amazon Bedrock
        return as_object(parameters["json"])
    if _is_schema(parameters):
        return parameters
    return _from_map(parameters)


def _is_schema(value: dict[str, Any]) -> bool:
    properties = value.get("properties")
    if isinstance(properties, dict) and all(isinstance(one, dict | bool | str) for one in properties.values()):
        return "type" not in value or isinstance(value["type"], str | list)
    if isinstance(value.get("type"), str | list):
        return True
    return any(isinstance(value.get(key), str | list) for key in _WHOLE)


def _from_map(parameters: dict[str, Any]) -> dict[str, Any]:
    """`{"city": {"type": "str"}}`: required is what neither says that it is optional nor has a default."""
    listed = parameters.get("required")
    named = {
        n: v
        for n, v in parameters.items()
        if isinstance(v, dict | str) and n not in ("$schema", "additionalProperties")
    }
    if not named:
        raise DocumentError(LeftOutReason.INVALID_SCHEMA, "its parameters are neither a schema nor a map of them")
    required = listed if isinstance(listed, list) else [n for n, value in named.items() if not _may_be_left(value)]
    return {"type": "object", "properties": named, "required": required}


def _may_be_left(value: Any) -> bool:
    if isinstance(value, str):
        return says_optional(value)
    return (
        says_optional(value.get("type"))
        or "default" in value
        or value.get("required") is False
        or value.get("optional") is True
    )


def _from_list(parameters: list[Any]) -> dict[str, Any]:
    """`[{"name": "city", "type": "STRING", "required": true}]`."""
    properties: dict[str, Any] = {}
    for parameter in parameters:
        if not isinstance(parameter, dict) or not text(parameter.get("name")):
            raise DocumentError(LeftOutReason.INVALID_SCHEMA, "a parameter of its list has no name")
        inside = parameter.get("schema")
        schema = {**(inside if isinstance(inside, dict) else {}), **parameter}
        properties[parameter["name"]] = {k: v for k, v in schema.items() if k not in ("name", "schema", "in")}
    return {"type": "object", "properties": properties}
