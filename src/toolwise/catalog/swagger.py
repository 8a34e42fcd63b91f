"""Swagger (OpenAPI) 2.0 documents straight to toolsets (OpenAPI Specification 2.0)."""

from __future__ import annotations

from typing import Any

from toolwise.catalog.categories import provider_category
from toolwise.catalog.dialect import Dialect
from toolwise.catalog.draft import Draft
from toolwise.catalog.keywords import text
from toolwise.catalog.openapi import security_names
from toolwise.catalog.operations import Body, add_operations, new_draft
from toolwise.catalog.styles import swagger_style
from toolwise.types import ParameterStyle, Schema

_NOT_SCHEMA = frozenset({"name", "in", "required", "schema", "collectionFormat", "allowEmptyValue"})
_JSON = "application/json"
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class _SwaggerReader:
    def __init__(self, dialect: Dialect, consumes: Any) -> None:
        self.dialect = dialect
        self._consumes = consumes

    def parameter(self, parameter: dict[str, Any]) -> Schema:
        """In 2.0 a parameter that is not a body carries its schema's keywords itself."""
        schema = {key: value for key, value in parameter.items() if key not in _NOT_SCHEMA}
        return self.dialect.convert({**schema, "format": "binary"} if schema.get("type") == "file" else schema)

    def style(self, parameter: dict[str, Any]) -> ParameterStyle | None:
        return swagger_style(parameter)

    def body(self, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> Body | None:
        for parameter in parameters:
            if parameter["in"] == "body":
                schema = self.dialect.convert(parameter.get("schema"))
                return Body(schema, self._media_type(operation, _JSON), parameter.get("required") is True, [])
        fields = [parameter for parameter in parameters if parameter["in"] == "formData"]
        if not fields:
            return None
        schema = {
            "type": "object",
            "properties": {field["name"]: self.parameter(field) for field in fields},
            "required": [field["name"] for field in fields if field.get("required") is True],
        }
        styles = {field["name"]: style for field in fields if (style := swagger_style(field)) is not None}
        has_file = any(field.get("type") == "file" for field in fields)
        return Body(schema, self._media_type(operation, _MULTIPART if has_file else _FORM), False, [], styles)

    def _media_type(self, operation: dict[str, Any], fallback: str) -> str:
        listed = operation.get("consumes") or self._consumes
        offered = [kind for kind in listed if text(kind)] if isinstance(listed, list) else []
        return fallback if not offered or fallback in offered else str(offered[0])

    def response(self, response: dict[str, Any], operation: dict[str, Any]) -> Schema | None:
        del operation
        schema = response.get("schema")
        return self.dialect.convert(schema) if isinstance(schema, dict) else None


def _servers(document: dict[str, Any]) -> list[str]:
    host, base = document.get("host"), document.get("basePath")
    path = base if text(base) else ""
    if not text(host) or not host:
        return [path] if path else []
    schemes = document.get("schemes")
    offered = [scheme for scheme in schemes if text(scheme)] if isinstance(schemes, list) else []
    return [f"{'https' if 'https' in offered or not offered else offered[0]}://{host}{path}"]


def import_swagger(document: dict[str, Any], source: str) -> Draft:
    """A Swagger 2.0 document as a toolset. Raises DocumentError."""
    auth = security_names(document.get("securityDefinitions"))
    draft = new_draft(document, source, _servers(document), auth)
    draft.provider_category = provider_category(document)
    reader = _SwaggerReader(Dialect(document, draft, siblings=False), document.get("consumes"))
    add_operations(document, draft, reader)
    return draft
