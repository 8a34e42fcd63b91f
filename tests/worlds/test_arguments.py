"""Checking arguments: nested fields, alternatives, broken schemas."""

from typing import Any

import pytest

from toolwise.types import Schema, Tool
from toolwise.worlds.arguments import ArgumentChecker


def checker(properties: dict[str, Schema], **more: Any) -> ArgumentChecker:
    return ArgumentChecker(Tool(id="t.f", name="f", parameters={"type": "object", "properties": properties, **more}))


def field_of(check: ArgumentChecker, arguments: dict[str, Any]) -> str | None:
    problem = check.problem(arguments)
    return None if problem is None else problem.field


SIZE: Schema = {
    "type": "object",
    "properties": {"width": {"type": "integer"}, "unit": {"enum": ["mm", "cm"]}},
    "required": ["width"],
}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"width": 3}, None),
        ({"width": 3, "unit": "cm"}, None),
        ({"unit": "cm"}, "size.width"),
        ({"width": "3"}, "size.width"),
        ({"width": 3, "unit": "inch"}, "size.unit"),
        ({"width": 3, "weight": 1}, "size.weight"),
        ([], "size"),
    ],
)
def test_nested_fields_are_named(value: Any, field: str | None) -> None:
    assert field_of(checker({"size": SIZE}), {"size": value}) == field


def test_fields_of_listed_objects_are_named() -> None:
    check = checker({"sizes": {"type": "array", "items": SIZE, "maxItems": 2}})
    assert field_of(check, {"sizes": [{"width": 1}, {"width": 2, "x": 1}]}) == "sizes.1.x"
    assert field_of(check, {"sizes": [{"width": 1}] * 3}) == "sizes"


def test_open_schemas_take_anything() -> None:
    assert field_of(checker({"labels": {"type": "object"}}), {"labels": {"a": 1}}) is None
    mapped: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
    assert field_of(checker({"labels": mapped}), {"labels": {"a": "x"}}) is None
    assert field_of(checker({"labels": mapped}), {"labels": {"a": 1}}) == "labels.a"
    assert field_of(checker({}, additionalProperties=True), {"anything": 1}) is None
    assert field_of(checker({}), {"anything": 1}) == "anything"


def test_messages_say_what_is_allowed() -> None:
    check = checker({"unit": {"enum": ["mm", "cm"]}, "day": {"type": "string", "format": "date"}, "n": {"minimum": 2}})
    messages = [check.problem(a) for a in ({"unit": "inch"}, {"day": "soon"}, {"n": 1})]
    assert [m.message for m in messages if m] == [
        "Field 'unit' must be one of: mm, cm.",
        "Field 'day' must have the format date.",
        "Field 'n' must be at least 2.",
    ]


def test_a_broken_schema_is_still_checked_for_names() -> None:
    check = checker({"a": {"type": "no-such-type"}, "b": {}}, required=["a"])
    assert field_of(check, {"b": 1}) == "a"
    assert field_of(check, {"a": 1, "c": 1}) == "c"
    assert field_of(check, {"a": object()}) is None
