import gzip
import json
from pathlib import Path

import pytest
from catalog_samples import AWS_SERVICE, load

from toolwise.catalog import LeftOutReason, import_sources
from toolwise.catalog.hints import http_hints, rpc_hints, verb
from toolwise.types import AwsBinding, Toolset


def test_the_toolset(tmp_path: Path) -> None:
    toolset, left_out = load(tmp_path, AWS_SERVICE, "spoons/2020-01-01/service-2.json")
    assert (toolset.name, toolset.family, toolset.title) == ("aws_spoons", "aws-spoons", "Amazon Spoon Storage")
    assert toolset.collections[0] == "AWS"
    assert toolset.category == "Storage"
    assert sorted(toolset.definitions) == ["Choice", "Labels", "Material", "Spoon", "SpoonList"]
    assert [(item.where, item.reason) for item in left_out] == [("NoSuchShape", LeftOutReason.BROKEN_REFERENCE)]


@pytest.mark.parametrize("service", ["s3", "secretsmanager", "stepfunctions", "events", "cloudwatch", "elbv2", "ce"])
def test_a_model_by_itself_is_called_as_the_sdk_calls_it(tmp_path: Path, service: str) -> None:
    botocore = pytest.importorskip("botocore")
    newest = max((Path(botocore.__file__).parent / "data" / service).iterdir())
    model = json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes()))
    name, operation = min(model["operations"].items())
    (tmp_path / "a_model.json").write_text(json.dumps({**model, "operations": {name: operation}}))
    [toolset] = [item for item in import_sources([str(tmp_path / "a_model.json")]) if isinstance(item, Toolset)]
    assert isinstance(toolset.tools[0].binding, AwsBinding)
    assert toolset.tools[0].binding.service == service


def test_an_operation(tmp_path: Path) -> None:
    toolset, _ = load(tmp_path, AWS_SERVICE)
    put = toolset.by_name["PutSpoon"]
    assert put.description == "Stores a spoon."  # without the note that comes first
    assert put.required == ("Name",)  # the SDK makes the token; Ghost is no member
    assert put.properties["Name"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 5,
        "pattern": "\\S+",  # cheap, and the length is bounded beside it
        "description": "Its name.",
    }
    assert put.properties["When"] == {"type": "string", "format": "date-time"}
    assert put.properties["Material"] == {"$ref": "#/$defs/Material"}
    assert put.properties["Lost"] == {}
    assert put.returns == {"$ref": "#/$defs/Spoon"}
    assert put.binding == AwsBinding(
        service="spoons", operation="PutSpoon", protocol="rest-json", method="PUT", path="/spoons/{Name}"
    )


def test_shapes(tmp_path: Path) -> None:
    definitions = load(tmp_path, AWS_SERVICE)[0].definitions
    assert definitions["SpoonList"] == {"type": "array", "items": {"$ref": "#/$defs/Spoon"}, "maxItems": 9}
    assert definitions["Labels"] == {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}
    assert definitions["Choice"]["maxProperties"] == definitions["Choice"]["minProperties"] == 1
    assert definitions["Choice"]["properties"]["B"] == {"type": "integer", "maximum": 9}
    assert definitions["Material"]["enum"] == ["wood", "steel"]


def test_hints_follow_the_verb(tmp_path: Path) -> None:
    tools = load(tmp_path, AWS_SERVICE)[0].by_name
    assert tools["ListSpoons"].hints.read_only is True
    assert tools["TerminateSpoon"].hints.destructive is True
    assert tools["PutSpoon"].hints.idempotent is True


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("BatchGetItem", "get"),
        ("users.messages.batchDelete", "delete"),
        ("get_files_id", "get"),
        ("DescribeDBInstances", "describe"),
        ("search", "search"),
        ("", ""),
    ],
)
def test_verbs(name: str, expected: str) -> None:
    assert verb(name) == expected


def test_a_search_by_post_only_reads() -> None:
    assert http_hints("POST", "cards.search") == {"read_only": True, "idempotent": True, "destructive": False}
    assert http_hints("POST", "cards.revoke")["destructive"] is True
    assert rpc_hints("RunThing", read_only=True, idempotent=False)["read_only"] is True
