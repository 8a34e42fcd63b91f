"""OpenAPI 3.0 and 3.1 documents to toolsets (OpenAPI Specification 3.0.4 and 3.1.1)."""

from __future__ import annotations

from typing import Any

from toolwise.catalog.categories import provider_category
from toolwise.catalog.dialect import Dialect
from toolwise.catalog.draft import Draft
from toolwise.catalog.extensions import parameter_style
from toolwise.catalog.keywords import text
from toolwise.catalog.operations import Body, add_operations, new_draft
from toolwise.catalog.styles import openapi_style
from toolwise.types import Json, ParameterStyle, Schema

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _preference(media_type: str) -> int:
    """JSON first, then what is like it, then forms, then anything."""
    bare = media_type.split(";", maxsplit=1)[0].strip().lower()
    if bare == "application/json":
        return 0
    if bare.endswith(("+json", "/json")):
        return 1
    return 2 + _FORMS.index(bare) if bare in _FORMS else 4


def _best(content: Any) -> tuple[str, dict[str, Any]] | None:
    """The media type to use, and its object."""
    if not isinstance(content, dict):
        return None
    usable = [(name, media) for name, media in content.items() if isinstance(media, dict) and text(name)]
    return min(usable, key=lambda pair: _preference(pair[0]), default=None)


class _OpenApiReader:
    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def parameter(self, parameter: dict[str, Any]) -> Schema:
        schema = parameter.get("schema")
        if schema is None and (chosen := _best(parameter.get("content"))):
            schema = chosen[1].get("schema")
        return self.dialect.convert(schema)

    def style(self, parameter: dict[str, Any]) -> ParameterStyle | None:
        return parameter_style(parameter) or openapi_style(parameter, str(parameter["in"]))

    def body(self, operation: dict[str, Any], parameters: list[dict[str, Any]]) -> Body | None:
        del parameters
        request = self.dialect.resolved(operation.get("requestBody"))
        chosen = _best(request.get("content"))
        if chosen is None:
            return None
        media_type, media = chosen
        schema = self.dialect.convert(media.get("schema"))
        if not schema and _preference(media_type) == 4:
            schema = {"type": "string", "format": "binary"}
        required = request.get("required") is True
        return Body(schema, media_type.split(";")[0].strip(), required, self._examples(media), self._styles(media))

    def _styles(self, media: dict[str, Any]) -> dict[str, ParameterStyle]:
        """How a form's fields are written (OpenAPI 3, "Encoding Object")."""
        encoding = media.get("encoding")
        found = {
            name: style
            for name, declared in (encoding.items() if isinstance(encoding, dict) else ())
            if isinstance(declared, dict)
            and (style := parameter_style(declared) or openapi_style(declared, "form")) is not None
        }
        return {name: style for name, style in found.items() if text(name)}

    def _examples(self, media: dict[str, Any]) -> list[Json]:
        found = [media["example"]] if "example" in media else []
        examples = media.get("examples")
        if isinstance(examples, dict):
            values = (self.dialect.resolved(example).get("value") for example in examples.values())
            found.extend(value for value in values if value is not None)
        return found

    def response(self, response: dict[str, Any], operation: dict[str, Any]) -> Schema | None:
        del operation
        chosen = _best(response.get("content"))
        if chosen is None:
            return None
        media_type, media = chosen
        if _preference(media_type) < 2:
            return self.dialect.convert(media.get("schema"))
        return {"type": "string"} if media_type.startswith("text/") else None


def _servers(document: dict[str, Any]) -> list[str]:
    """Servers' addresses, with variables at their defaults."""
    listed = document.get("servers")
    found: list[str] = []
    for server in listed if isinstance(listed, list) else ():
        url = server.get("url") if isinstance(server, dict) else None
        if not text(url) or not url:
            continue
        variables = server.get("variables")
        for name, variable in variables.items() if isinstance(variables, dict) else ():
            if isinstance(variable, dict) and text(variable.get("default")):
                url = url.replace(f"{{{name}}}", variable["default"])
        found.append(url)
    return found


def security_names(schemes: Any) -> list[str]:
    """Each security scheme in a few words: `oauth2`, `http basic`, `apiKey in header X-Key`."""
    found: list[str] = []
    for scheme in schemes.values() if isinstance(schemes, dict) else ():
        if isinstance(scheme, dict) and isinstance(scheme.get("type"), str):
            detail = scheme.get("scheme") or _place(scheme)
            found.append(f"{scheme['type']} {detail}".strip()[:60])
    return found


def _place(scheme: dict[str, Any]) -> str:
    """Where an API key goes: `in header X-Key`."""
    place, name = scheme.get("in"), scheme.get("name")
    if not isinstance(place, str):
        return ""
    return f"in {place} {name}" if isinstance(name, str) and name else f"in {place}"


def import_openapi(document: dict[str, Any], source: str) -> Draft:
    """An OpenAPI 3.0 or 3.1 document as a toolset. Raises DocumentError."""
    components = document["components"] if isinstance(document.get("components"), dict) else {}
    draft = new_draft(document, source, _servers(document), security_names(components.get("securitySchemes")))
    draft.provider_category = draft.provider_category or provider_category(document)
    siblings = not str(document.get("openapi", "")).startswith("3.0")
    add_operations(document, draft, _OpenApiReader(Dialect(document, draft, siblings=siblings)))
    return draft
