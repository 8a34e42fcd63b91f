"""What OpenAPI has no field for, in extensions of documents that this project exported: a round trip keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolwise.catalog.draft import Draft, slug
from toolwise.catalog.hints import http_hints
from toolwise.catalog.keywords import text
from toolwise.catalog.prose import TOOL_LIMIT, plain
from toolwise.types import ParameterStyle

TOOLSET_EXTENSION = "x-toolwise"
"""In `info`: name, category, collections, family, introduction, auth."""
HINTS_EXTENSION = "x-toolwise-hints"
"""In an operation: MCP's hints, where the HTTP method does not say them already."""
EXAMPLES_EXTENSION = "x-toolwise-examples"
"""In an operation: known good arguments, by parameter name."""
PATTERN_EXTENSION = "x-toolwise-pattern"
"""In a schema: a regular expression of the standard's dialect that common validators take for a mistake (`\\p{L}`)."""
STYLE_EXTENSION = "x-toolwise-style"
"""In a parameter: a way of writing its value for which OpenAPI 3 has no style."""

_HINTS = ("read_only", "idempotent", "destructive")
_STYLES = frozenset(style.value for style in ParameterStyle)
_MAX_LISTED = 32


def _texts(value: Any) -> list[str]:
    return [plain(item, 60) for item in value[:_MAX_LISTED] if text(item)] if isinstance(value, list) else []


def apply_toolset_extension(info: Mapping[str, Any], draft: Draft) -> None:
    """Take over what `info` says in the extension; unusable values are ignored."""
    said = info.get(TOOLSET_EXTENSION)
    if not isinstance(said, dict):
        return
    if text(said.get("name")):
        draft.slug = slug(said["name"], draft.slug)
    if text(said.get("family")):
        draft.family = slug(said["family"], draft.family)
    draft.introduction = plain(said.get("introduction"), TOOL_LIMIT) or draft.introduction
    if category := plain(said.get("category"), 60):
        draft.provider_category = category
        draft.api = draft.slug  # so that no other document's category counts
    draft.collections = _texts(said.get("collections"))
    draft.auth = _texts(said.get("auth")) or draft.auth


def operation_hints(operation: Mapping[str, Any], method: str, name: str) -> dict[str, bool]:
    """The extension's hints, else those of the method and the name. No document makes a DELETE read-only."""
    said = operation.get(HINTS_EXTENSION)
    if not isinstance(said, dict):
        return http_hints(method, name)
    hints = {key: said[key] for key in _HINTS if isinstance(said.get(key), bool)}
    if method.upper() == "DELETE" and hints.get("read_only"):
        return http_hints(method, name)
    return hints


def parameter_style(parameter: Mapping[str, Any]) -> ParameterStyle | None:
    """The extension's style; none where it says nothing."""
    said = parameter.get(STYLE_EXTENSION)
    return ParameterStyle(said) if isinstance(said, str) and said in _STYLES else None


def operation_examples(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The extension's examples of arguments; the validity check keeps those that satisfy the tool's schema."""
    said = operation.get(EXAMPLES_EXTENSION)
    return [example for example in said if isinstance(example, dict)] if isinstance(said, list) else []
