from pathlib import Path

from catalog_samples import SWAGGER, load

from toolwise.types import HttpBinding, ParameterLocation


def test_swagger_2_maps_straight_to_tools(tmp_path: Path) -> None:
    toolset, left_out = load(tmp_path, SWAGGER)
    assert left_out == []
    assert toolset.servers == ("https://jam.test/v2",)
    add, upload = toolset.by_name["jars.add"], toolset.by_name["labels.upload"]
    assert add.properties == {"fruit": {"type": "string"}}
    assert add.required == ("fruit",)
    assert add.returns == {"$ref": "#/$defs/Jar"}
    assert upload.properties["picture"] == {"type": "string", "format": "binary"}
    assert upload.properties["size"] == {"type": "integer", "minimum": 1}
    assert upload.required == ("picture",)
    assert isinstance(upload.binding, HttpBinding)
    assert upload.binding.media_type == "multipart/form-data"
    assert upload.binding.locations == {"size": ParameterLocation.QUERY, "picture": ParameterLocation.BODY}
