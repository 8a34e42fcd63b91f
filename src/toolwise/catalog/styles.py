"""How OpenAPI and Swagger documents say that a value is written into a request."""

from __future__ import annotations

from typing import Any

from toolwise.types import ParameterStyle

_DEFAULTS = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_STYLES = {
    ("simple", False): ParameterStyle.SIMPLE,
    ("simple", True): ParameterStyle.SIMPLE_EXPLODED,
    ("label", False): ParameterStyle.LABEL,
    ("label", True): ParameterStyle.LABEL_EXPLODED,
    ("matrix", False): ParameterStyle.MATRIX,
    ("matrix", True): ParameterStyle.MATRIX_EXPLODED,
    ("form", False): ParameterStyle.FORM,
    ("form", True): ParameterStyle.FORM_EXPLODED,
    ("spaceDelimited", False): ParameterStyle.SPACE_DELIMITED,
    ("spaceDelimited", True): ParameterStyle.FORM_EXPLODED,
    ("pipeDelimited", False): ParameterStyle.PIPE_DELIMITED,
    ("pipeDelimited", True): ParameterStyle.FORM_EXPLODED,
    ("deepObject", False): ParameterStyle.DEEP_OBJECT,
    ("deepObject", True): ParameterStyle.DEEP_OBJECT,
}
_SEPARATORS = {
    "csv": ParameterStyle.FORM,
    "ssv": ParameterStyle.SPACE_DELIMITED,
    "tsv": ParameterStyle.TAB_DELIMITED,
    "pipes": ParameterStyle.PIPE_DELIMITED,
    "multi": ParameterStyle.FORM_EXPLODED,
}


def openapi_style(declared: dict[str, Any], where: str) -> ParameterStyle | None:
    """The style of a parameter or of a form's field (OpenAPI 3, "Parameter Object"); none for the default."""
    if where in _DEFAULTS and "schema" not in declared and isinstance(declared.get("content"), dict):
        return ParameterStyle.JSON
    default = _DEFAULTS.get(where, "form")
    style = declared.get("style", default)
    explode = declared.get("explode", style == "form")
    made = _STYLES.get((style if isinstance(style, str) else default, explode is True))
    return None if made is _STYLES[default, default == "form"] else made


def swagger_style(declared: dict[str, Any]) -> ParameterStyle | None:
    """The style of an array (Swagger 2.0, `collectionFormat`, which is `csv` by default); none for the default."""
    if declared.get("type") != "array":
        return None
    where, form = declared["in"], declared.get("collectionFormat", "csv")
    if where in ("path", "header") and form in ("csv", "multi"):
        return None
    made = _SEPARATORS.get(form if isinstance(form, str) else "csv", ParameterStyle.FORM)
    return None if made is ParameterStyle.FORM_EXPLODED else made
