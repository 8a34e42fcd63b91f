import pytest

from toolwise.errors import CatalogError
from toolwise.schemas import Validator, bundle, resolve, schema_type

TREE = {
    "Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}, "size": {"$ref": "#/$defs/Size"}}},
    "Size": {"type": "integer", "minimum": 0},
    "Unused": {"type": "string"},
}


def test_resolve_follows_references_and_keeps_what_stands_beside_them() -> None:
    resolved = resolve({"$ref": "#/$defs/Size", "description": "how many"}, TREE)
    assert resolved == {"type": "integer", "minimum": 0, "description": "how many"}


@pytest.mark.parametrize(
    "definitions", [{}, {"A": {"$ref": "#/$defs/A"}}, {"A": {"$ref": "#/$defs/B"}, "B": {"$ref": "#/$defs/A"}}]
)
def test_a_dangling_or_endless_reference_accepts_anything(definitions: dict[str, dict[str, object]]) -> None:
    assert resolve({"$ref": "#/$defs/A"}, definitions) == {}


def test_bundle_holds_what_is_reachable_and_no_more() -> None:
    assert set(bundle({"$ref": "#/$defs/Tree"}, TREE)["$defs"]) == {"Tree", "Size"}
    assert bundle({"type": "string"}, TREE) == {"type": "string"}


def test_a_cyclic_schema_validates() -> None:
    validator = Validator({"$ref": "#/$defs/Tree"}, TREE)
    assert validator.is_valid({"left": {"left": {"size": 1}}})
    assert not validator.is_valid({"left": {"left": {"size": -1}}})


SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "maximum": 5},
        "colour": {"enum": ["red"]},
        "o": {"properties": {"x": {"type": "string"}}},
    },
    "required": ["n"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "path", "keyword"),
    [
        ({}, ("n",), "required"),
        ({"n": "1"}, ("n",), "type"),
        ({"n": 6}, ("n",), "maximum"),
        ({"n": 1, "colour": "blue"}, ("colour",), "enum"),
        ({"n": 1, "extra": 1}, ("extra",), "additionalProperties"),
        ({"n": 1, "o": {"x": 1}}, ("o", "x"), "type"),
    ],
)
def test_violations_name_the_field(value: object, path: tuple[str, ...], keyword: str) -> None:
    (violation,) = Validator(SCHEMA, {}).violations(value)
    assert (violation.path, violation.keyword) == (path, keyword)


def test_a_valid_value_has_no_violations() -> None:
    assert Validator(SCHEMA, {}).violations({"n": 1, "colour": "red"}) == []


def test_a_remote_reference_is_refused_before_any_connection() -> None:
    with pytest.raises(CatalogError, match="invalid JSON Schema"):
        Validator({"$ref": "http://127.0.0.1:9/schema.json"}, {})


def test_an_invalid_schema_is_a_catalog_error() -> None:
    with pytest.raises(CatalogError):
        Validator({"type": "no such type"}, {})


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": ["null", "string"]}, "string"),
        ({"properties": {}}, "object"),
        ({"items": {}}, "array"),
        ({}, "any"),
        ({"enum": ["a"]}, "string"),
    ],
)
def test_schema_type(schema: dict[str, object], kind: str) -> None:
    assert schema_type(schema) == kind
