from pathlib import Path

from catalog_samples import DISCOVERY, load, sample

from toolwise.catalog import LeftOutReason
from toolwise.types import HttpBinding, ParameterLocation


def test_the_toolset(tmp_path: Path) -> None:
    toolset, left_out = load(tmp_path, DISCOVERY)
    assert (toolset.name, toolset.family) == ("kettles_v2", "google-kettles")
    assert toolset.servers == ("https://kettles.googleapis.com/",)
    assert toolset.auth == ("oauth2",)
    assert toolset.collections[:2] == ("Google", "Google Cloud")
    assert [tool.name for tool in toolset.tools] == ["kettles.create", "kettles.lids.delete"]
    assert list(toolset.definitions) == ["Kettle"]
    assert left_out == []


def test_a_method(tmp_path: Path) -> None:
    create = load(tmp_path, DISCOVERY)[0].by_name["kettles.create"]
    assert list(create.properties) == ["parent", "size", "tags", "name", "litres", "parts", "heatedAt"]
    assert create.required == ("parent", "name")
    assert create.properties["size"] == {"type": "integer", "default": 5, "minimum": 1}
    assert create.properties["tags"] == {"type": "array", "items": {"type": "string"}}
    assert create.properties["name"] == {"type": "string", "description": "Required. The name."}
    assert create.properties["heatedAt"] == {"type": "string", "format": "date-time"}
    assert create.properties["parts"] == {"type": "array", "items": {"$ref": "#/$defs/Kettle"}}
    assert create.returns == {"$ref": "#/$defs/Kettle"}
    assert isinstance(create.binding, HttpBinding)
    assert create.binding.path == "/v2/{parent}/kettles"
    assert create.binding.method == "POST"
    assert create.binding.locations["name"] is ParameterLocation.BODY
    assert create.binding.media_type == "application/json"


def test_a_delete_is_destructive(tmp_path: Path) -> None:
    hints = load(tmp_path, DISCOVERY)[0].by_name["kettles.lids.delete"].hints
    assert (hints.read_only, hints.idempotent, hints.destructive) == (False, True, True)


def test_a_dangling_reference_is_counted_once(tmp_path: Path) -> None:
    document = sample("discovery")
    document["schemas"]["Kettle"]["properties"] |= {"a": {"$ref": "Gone"}, "b": {"$ref": "Gone"}}
    toolset, left_out = load(tmp_path, document)
    assert toolset.definitions["Kettle"]["properties"]["a"] == {}
    assert [(item.where, item.reason) for item in left_out] == [("Gone", LeftOutReason.BROKEN_REFERENCE)]


def test_a_request_without_properties_is_one_body(tmp_path: Path) -> None:
    document = sample("discovery")
    document["schemas"]["Kettle"] = {"id": "Kettle", "type": "object", "additionalProperties": {"type": "any"}}
    create = load(tmp_path, document)[0].by_name["kettles.create"]
    assert create.properties["body"] == {"$ref": "#/$defs/Kettle"}
    assert isinstance(create.binding, HttpBinding)
    assert create.binding.locations["body"] is ParameterLocation.WHOLE_BODY
