"""Arguments as botocore wants them, and its responses as JSON."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from toolwise.types import Json
from toolwise.worlds.http_body import UnwritableError

_ILLEGAL = re.compile(r"[^A-Za-z0-9_.-]+")
_MAX_DEPTH = 60
_MAX_EVENTS = 1_000
_METADATA = "ResponseMetadata"


class UnreadableAnswerError(Exception):
    """The response is beyond the limits."""


def request_values(arguments: Mapping[str, Json], shape: Any) -> dict[str, Any]:
    """The arguments under botocore's member names, base64 text as bytes. Raises UnwritableError.

    `shape` is the operation's input shape, or none. Names in a catalog have illegal characters replaced.
    """
    members = {} if shape is None else shape.members
    by_legal_name = {_ILLEGAL.sub("_", name).strip("_"): name for name in members}
    made: dict[str, Any] = {}
    for name, value in arguments.items():
        member = name if name in members else by_legal_name.get(name, name)
        made[member] = _value(value, members[member], name, 0) if member in members else value
    return made


def _value(value: Json, shape: Any, path: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise UnwritableError(path, f"Field '{path}' is nested more than {_MAX_DEPTH} deep.")
    kind = shape.type_name
    if kind == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise UnwritableError(path, f"Field '{path}' must be base64 data.") from error
    if kind == "structure" and isinstance(value, Mapping) and not getattr(shape, "is_document_type", False):
        members = shape.members
        return {k: _value(v, members[k], f"{path}.{k}", depth + 1) if k in members else v for k, v in value.items()}
    if kind == "list" and isinstance(value, list | tuple):
        return [_value(inner, shape.member, f"{path}.{at}", depth + 1) for at, inner in enumerate(value)]
    if kind == "map" and isinstance(value, Mapping):
        return {key: _value(inner, shape.value, f"{path}.{key}", depth + 1) for key, inner in value.items()}
    return value


def response_json(response: Mapping[str, Any]) -> Json:
    """The response as JSON, without botocore's metadata; times in ISO 8601, bytes and streams in base64.

    Raises UnreadableAnswerError.
    """
    return {str(key): _json(value, 0) for key, value in response.items() if key != _METADATA}


def _json(value: Any, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        raise UnreadableAnswerError(f"the answer is nested more than {_MAX_DEPTH} deep")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _json(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, bytes | bytearray) or hasattr(value, "read"):
        return base64.b64encode(value if isinstance(value, bytes | bytearray) else value.read()).decode()
    return [_json(inner, depth + 1) for _, inner in zip(range(_MAX_EVENTS), value, strict=False)]
