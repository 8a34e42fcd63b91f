"""Is this a valid OpenAPI 3 document, by the standard's own schema and rules? And nothing else is ever fetched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any

from toolwise.errors import MissingExtraError

_SHOWN = 5
_LENGTH = 240
_VERSION = re.compile(r"3\.[01](?:\.\d+)?\Z")


def remote_references(value: Any) -> list[str]:
    """References to other documents."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            target = item.get("$ref")
            if isinstance(target, str) and not target.startswith("#"):
                found.append(target)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return sorted(found)


def openapi_problems(document: Mapping[str, Any]) -> list[str]:
    """What is wrong with the document, in one line each, at most five; empty for a valid one.

    References to other documents are a problem and are never followed. Raises MissingExtraError.
    """
    version = document.get("openapi")
    if not isinstance(version, str) or not _VERSION.match(version):
        return ['the field "openapi" must say the version, such as "3.1.0"']
    if remote := remote_references(document):
        return [f"{target!r} refers to another document; define it in components" for target in remote[:_SHOWN]]
    try:
        from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
    except ImportError as error:
        raise MissingExtraError("checking OpenAPI documents", "llm") from error
    kind = OpenAPIV30SpecValidator if version.startswith("3.0") else OpenAPIV31SpecValidator
    try:
        return [_line(error) for error in islice(kind(dict(document)).iter_errors(), _SHOWN)]
    except Exception as error:  # malformed documents give it errors of any kind
        return [f"it is not well-formed: {type(error).__name__}: {error}"[:_LENGTH]]


def _line(error: Exception) -> str:
    where = "/".join(str(part) for part in getattr(error, "absolute_path", ()) or ())
    message = " ".join(str(getattr(error, "message", error)).split())
    if len(message) > _LENGTH:
        message = f"{message[: _LENGTH // 2]} … {message[-_LENGTH // 2 :]}"
    return f"{where}: {message}" if where else message
