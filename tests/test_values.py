"""Values: valid, readable, varied, and the same for the same seed."""

import random
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.schemas import Validator
from toolwise.types import Schema, Tool
from toolwise.values import MAX_TEXT, NoValueError, ValueGenerator
from toolwise.values.kinds import number_kind, text_kind
from toolwise.values.makers import RANGES, TEXT, word
from toolwise.values.patterns import from_pattern


def draw(schema: Schema, name: str = "", seed: int = 0, definitions: dict[str, Schema] | None = None) -> Any:
    return ValueGenerator(seed).value(schema, definitions or {}, name)


_FORMATS = ("date", "uuid", "email", "uri", "ipv4", "ipv6", "date-time", "hostname")
_NUMBERS = st.sampled_from(["integer", "number"])
_ANY = st.one_of(st.text(max_size=5), st.integers(), st.booleans())


def _schema(kind: object, **keywords: st.SearchStrategy) -> st.SearchStrategy[Schema]:
    required = kind if isinstance(kind, dict) else {"type": kind}
    return st.fixed_dictionaries(required, optional=keywords)


_SCALARS = st.one_of(
    _schema(st.just("string"), minLength=st.integers(0, 60)),
    _schema(st.just("string"), maxLength=st.integers(1, 30)),
    _schema(st.just("string"), format=st.sampled_from(_FORMATS)),
    _schema(_NUMBERS, minimum=st.integers(-50, 50), maximum=st.integers(51, 10**7)),
    _schema(_NUMBERS, exclusiveMinimum=st.integers(-9, 9), exclusiveMaximum=st.integers(12, 90)),
    _schema(st.just("integer"), multipleOf=st.integers(1, 40)),
    _schema(st.just("boolean")),
    _schema({"enum": st.lists(_ANY, min_size=1, max_size=4)}),
    _schema({"const": _ANY}),
)


def _deeper(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.builds(lambda items, low: {"type": "array", "items": items, "minItems": low}, inner, st.integers(0, 1)),
        st.builds(
            lambda properties, more: {
                "type": "object",
                "properties": properties,
                "required": sorted(properties)[:more],
            },
            st.dictionaries(st.sampled_from(["id", "email", "size", "note", "city"]), inner, max_size=3),
            st.integers(0, 3),
        ),
        st.builds(lambda first, second: {"oneOf": [first, second]}, inner, st.just({"type": "null"})),
        st.builds(lambda one: {"allOf": [{"type": "object", "properties": {"a": one}, "required": ["a"]}]}, inner),
    )


@given(st.recursive(_SCALARS, _deeper, max_leaves=5), st.integers(0, 50))
def test_values_are_valid_or_refused(schema: Schema, seed: int) -> None:
    try:
        value = draw(schema, "thing", seed)
    except NoValueError:
        # only an oneOf whose branches both accept what the other makes may be refused
        assert "oneOf" in str(schema) or "format" in str(schema)
        return
    assert Validator(schema, {}).is_valid(value)


@pytest.mark.parametrize("kind", sorted(TEXT))
def test_text_is_short_and_on_one_line(kind: str) -> None:
    rng = random.Random(kind)
    values = [TEXT[kind](rng) for _ in range(200)]
    assert all(value and value.isprintable() for value in values)
    longest = {"uuid": 36, "arn": 70, "url": 60, "email": 60, "title": 60, "sentence": 60, "path": 60, "hostname": 60}
    assert max(map(len, values)) <= longest.get(kind, MAX_TEXT)


@pytest.mark.parametrize(
    ("name", "schema", "pattern"),
    [
        ("customer_email", {}, r"[\w.]+@[\w.-]+\.\w+"),
        ("birthDate", {}, r"\d{4}-\d{2}-\d{2}"),
        ("createdAt", {"format": "date-time"}, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
        ("currency", {}, "[A-Z]{3}"),
        ("x", {"description": "Two-letter country code"}, "[A-Z]{2}"),
        ("x", {"description": "A UUID that names it"}, "[0-9a-f-]{36}"),
        ("phoneNumber", {}, r"\+1\d{10}"),
        ("userId", {}, r"[\w-]+"),
        ("fileName", {}, r"[\w-]+\.\w+"),
        ("roleArn", {}, "arn:aws:.*"),
        ("size", {"format": "int64"}, r"\d+"),
        ("parent", {"pattern": "^projects/[^/]+/locations/[^/]+$"}, r"projects/[\w-]+/locations/[\w-]+"),
        ("name", {"description": "Format: `folders/{folder}/notes/{note}`"}, r"folders/\d+/notes/[\w-]+"),
    ],
)
def test_text_follows_name_format_and_description(name: str, schema: Schema, pattern: str) -> None:
    for seed in range(10):
        assert re.fullmatch(pattern, draw({"type": "string", **schema}, name, seed))


def test_numbers_follow_their_names() -> None:
    assert -80 <= draw({"type": "number"}, "latitude") <= 80
    assert 1990 <= draw({"type": "integer"}, "year") <= 2027
    assert draw({"type": "integer", "minimum": 5000}, "age") >= 5000
    assert all(low <= high for low, high, _ in RANGES.values())


def test_the_documents_own_values_come_first_but_not_always() -> None:
    values = {draw({"type": "string", "example": "Berlin Mitte"}, "city", seed) for seed in range(60)}
    assert "Berlin Mitte" in values
    assert len(values) > 20
    assert {draw({"enum": ["STATE_UNSPECIFIED", "ON", "OFF"]}, "s", seed) for seed in range(30)} == {"ON", "OFF"}


def test_values_vary() -> None:
    generator = ValueGenerator(1)
    for name in ("name", "id", "email", "city", "title", "description"):
        values = [generator.value({"type": "string"}, {}, name) for _ in range(300)]
        assert len(set(values)) > 200, name


def test_references_are_followed_and_recursion_ends() -> None:
    node: Schema = {"type": "object", "properties": {"id": {"type": "string"}, "next": {"$ref": "#/$defs/Node"}}}
    assert isinstance(draw({"$ref": "#/$defs/Node"}, "", 3, {"Node": node}), dict)
    endless: Schema = {**node, "required": ["next"]}
    with pytest.raises(NoValueError):
        draw({"$ref": "#/$defs/Node"}, "", 3, {"Node": endless})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 5, "maximum": 3},
        {"type": "string", "pattern": "(?=a)b"},
        {"enum": []},
        {"not": {}},
        {"type": "no-such-type"},
        {"type": "string", "minLength": 10**6},
    ],
)
def test_the_impossible_is_refused(schema: Schema) -> None:
    with pytest.raises(NoValueError):
        draw(schema, "x")


def test_arguments_are_valid_and_name_what_they_cannot_make() -> None:
    tool = Tool(
        id="t.f",
        name="f",
        parameters={
            "type": "object",
            "properties": {"city": {"type": "string"}, "n": {"type": "integer", "maximum": 4}, "no": {"not": {}}},
        },
        examples=({"city": "Oslo"},),
    )
    generator = ValueGenerator(0)
    made = [generator.arguments(tool, random.Random(seed), ["city", "n"]) for seed in range(40)]
    assert all(arguments["n"] <= 4 for arguments in made)
    assert any(arguments["city"] == "Oslo" for arguments in made)
    assert generator.arguments(tool, random.Random(3), ["city", "n"]) == made[3]
    with pytest.raises(NoValueError, match="'no'"):
        generator.arguments(tool, random.Random(0), ["no"])


def test_the_same_seed_gives_the_same_values_in_every_process() -> None:
    script = (
        "from toolwise.values import ValueGenerator as G; g = G('s');"
        "print([g.value({'type': 'string'}, {}, n) for n in ('email', 'city', 'company', 'id', 'name', 'title')])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    generator = ValueGenerator("s")
    names = ("email", "city", "company", "id", "name", "title")
    assert str([generator.value({"type": "string"}, {}, n) for n in names]) == outputs.pop().decode().strip()


@pytest.mark.parametrize(
    "pattern",
    [
        "^[a-z]{3,8}$",
        r"^\d{3}-\d{4}$",
        "^(red|green|blue)$",
        r"^arn:aws:[a-z]+:\d{12}:(role|user)/[\w-]+$",
        r"^(?!000)[0-9a-f]{8}-[0-9a-f]{4}$",
        "[A-Z][A-Z0-9_]*",
        r"^v\d+(\.\d+){2}$",
        "^[^/]+/[^/]+$",
        r"[\x20-\x7e]{1,20}",
        "(?i)abc",
        r"^\S+$",
    ],
)
def test_patterns(pattern: str) -> None:
    for seed in range(20):
        made = from_pattern(pattern, random.Random(seed), word)
        assert made is not None
        assert re.search(pattern, made), made


@pytest.mark.parametrize(
    ("pattern", "low", "high"),
    [("^[0-9a-zA-Z]+$", 10, 10), ("^(svm-[0-9a-f]{17,})$", 21, 21), (r"\d+", 1, 4), ("(hai-|dom-)[a-z0-9]+", 20, 25)],
)
def test_patterns_within_a_length(pattern: str, low: int, high: int) -> None:
    for seed in range(20):
        made = from_pattern(pattern, random.Random(seed), word, low, high)
        assert made is not None
        assert low <= len(made) <= high
        assert re.fullmatch(pattern, made)


@given(st.from_regex(r"\A[a-z0-9\[\]{}()|*+?.\\^$,-]{0,20}\Z"))
def test_any_pattern_is_read_or_refused(pattern: str) -> None:
    made = from_pattern(pattern, random.Random(0), word)
    assert made is None or isinstance(made, str)


def test_kinds() -> None:
    assert text_kind("contactEmail", "", "") == "email"
    assert text_kind("peeringId", "", "The URI of the peering") == "id"
    assert text_kind("whatever", "", "") == "slug"
    assert number_kind("pageSize", "", "") == "count"
    assert number_kind("orderId", "", "") == "id"
    assert number_kind("x", "", "") == "number"
