"""Schemas on their way out: one walk over the places of a schema where schemas stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from toolwise.schemas import bundle, resolve
from toolwise.types import Schema, Tool

MAPS = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
"""Keywords whose values are schemas by name."""
BRANCHES = frozenset({"allOf", "anyOf", "oneOf"})
LISTS = BRANCHES | {"prefixItems"}
"""Keywords whose values are lists of schemas."""
SINGLE = frozenset(
    """items additionalProperties not contains propertyNames if then else unevaluatedItems unevaluatedProperties
contentSchema""".split()
)
"""Keywords whose value is one schema."""

Change = Callable[[Schema, bool], Schema]
"""Changes one schema whose parts are changed already; is it a branch of a choice or a combination?"""


def transformed(schema: Any, change: Change, branch: bool = False) -> Any:
    """A copy of the schema with `change` applied to it and to every schema inside it, the innermost first.

    Values (defaults, examples, enumerations) are left alone, whatever their keys look like.
    """
    if not isinstance(schema, dict):
        return schema
    made: Schema = {}
    for key, value in schema.items():
        if key in MAPS and isinstance(value, dict):
            made[key] = {name: transformed(part, change) for name, part in value.items()}
        elif key in LISTS and isinstance(value, list):
            made[key] = [transformed(part, change, key in BRANCHES) for part in value]
        elif key in SINGLE:
            made[key] = transformed(value, change)
        else:
            made[key] = value
    return change(made, branch)


def rooted(schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    """The schema with its own reference followed, so that its type stands at its root, and all it reaches bundled."""
    return bundle(resolve(schema, definitions), definitions)


def parameters(tool: Tool) -> Schema:
    """The tool's parameters as a JSON Schema of its own, whose root says that it is an object."""
    return {"type": "object", "properties": {}, **rooted(tool.parameters, tool.definitions)}
