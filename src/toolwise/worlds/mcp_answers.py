"""From what an MCP tool answered to an observation."""

from __future__ import annotations

from typing import Any

import orjson

from toolwise.connections.mcp import Answer
from toolwise.errors import CatalogError
from toolwise.schemas import Validator
from toolwise.types import Json, Observation, ObservationSource, Tool, ToolErrorKind
from toolwise.worlds.failures import failed, spoken_kind

INVALID_PARAMS = -32602
METHOD_NOT_FOUND = -32601


def read_answer(answer: Answer, tool: Tool, validator: Validator | None, max_bytes: int) -> Observation:
    """The structured content where there is any, else the text, read as JSON where it is JSON.

    An answer that breaks the tool's own output schema, or is larger than `max_bytes`, is MALFORMED.
    """
    if answer.is_error:
        return _error(answer)
    body = answer.structured if answer.has_structured else _content(answer.blocks)
    try:
        size = len(orjson.dumps(body))
    except TypeError as error:
        return failed(ToolErrorKind.MALFORMED, f"'{tool.name}' answered with what cannot be written as JSON: {error}")
    if size > max_bytes:
        return failed(
            ToolErrorKind.MALFORMED, f"'{tool.name}' answered with {size:,} bytes; at most {max_bytes:,} are taken."
        )
    if answer.has_structured and validator is not None and (problems := validator.violations(body)):
        where = ".".join(map(str, problems[0].path)) or "the answer"
        return failed(
            ToolErrorKind.MALFORMED, f"'{tool.name}' broke its own schema: {where}: {problems[0].message[:200]}"
        )
    return Observation(status=200 if body is not None else 204, body=body, source=ObservationSource.REAL)


def output_validator(tool: Tool) -> Validator | None:
    """The tool's output schema, compiled; none where it has none that can be."""
    if not tool.returns:
        return None
    try:
        return Validator(tool.returns, tool.definitions)
    except CatalogError:
        return None


def _error(answer: Answer) -> Observation:
    texts = [str(block.get("text", "")) for block in answer.blocks if block.get("type") == "text"]
    message = "\n".join(texts).strip() or "The tool failed and did not say why."
    kind = spoken_kind(message)
    if answer.code in (INVALID_PARAMS, METHOD_NOT_FOUND) and kind is not ToolErrorKind.UNKNOWN_TOOL:
        kind = ToolErrorKind.INVALID_ARGUMENTS
    return failed(kind, message)


def _content(blocks: tuple[dict[str, Any], ...]) -> Json:
    """One text as itself; several blocks as a list. Pictures and sounds are described, not carried."""
    values = [_block(block) for block in blocks]
    return (values[0] if len(values) == 1 else values) if values else None


def _block(block: dict[str, Any]) -> Json:
    kind = block.get("type")
    if kind == "text":
        return _text(str(block.get("text", "")))
    if kind in ("image", "audio"):
        return {"type": kind, "mimeType": block.get("mimeType"), "base64_length": len(str(block.get("data", "")))}
    if kind == "resource":
        resource = dict(block.get("resource") or {})
        if "blob" in resource:
            resource["base64_length"] = len(str(resource.pop("blob")))
        return {"type": kind, **resource}
    return {key: value for key, value in block.items() if key not in ("annotations", "_meta")}


def _text(text: str) -> Json:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
