"""A catalog's tools as MCP tools: listed in pages, called in a session of the world."""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types as types
import orjson

from toolwise.schemas import bundle
from toolwise.serve.answers import Promise
from toolwise.serve.served import ServedCatalog
from toolwise.types import Observation, Schema, Tool

PAGE_TOOLS = 200
"""At most so many tools a page."""
PAGE_BYTES = 1 << 20
"""A page ends with the tool that takes it past so many bytes of schemas, since some are 100 kB each."""
_KEPT = 4096
_WRAPPER = "result"
"""An answer that is no object is the only field of one: protocol versions before 2026-07-28 allow objects alone."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as it is published."""

    tool: Tool
    listed: types.Tool
    promise: Promise
    wrapped: bool
    size: int
    """Bytes of its schemas."""


class BadCursorError(ValueError):
    """A cursor that this server did not give."""


class McpTools:
    """The served tools by public name; built on first use, the latest kept."""

    def __init__(self, served: ServedCatalog) -> None:
        self.served = served
        self._offered: OrderedDict[str, Offered] = OrderedDict()

    def find(self, name: str) -> Offered | None:
        """The tool of that public name, if there is one."""
        tool_id = self.served.id_of.get(name)
        if tool_id is None:
            return None
        offered = self._offered.get(name)
        if offered is None:
            offered = self._offered[name] = offer(self.served.tool(tool_id), name)
            if len(self._offered) > _KEPT:
                self._offered.popitem(last=False)
        return offered

    def page(self, cursor: str | None) -> tuple[list[types.Tool], str | None]:
        """The tools of one page and the next page's cursor. Raises BadCursorError."""
        names = self.served.names
        start = _position(cursor, len(names))
        tools: list[types.Tool] = []
        size = 0
        for name in names[start : start + PAGE_TOOLS]:
            offered = self.find(name)
            if offered is None:
                continue
            tools.append(offered.listed)
            size += offered.size
            if size >= PAGE_BYTES:
                break
        end = start + len(tools)
        return tools, _cursor(end) if end < len(names) else None

    def input_schema(self, name: str) -> Mapping[str, Any] | None:
        """A tool's input schema by public name, for the SDK's own checks."""
        offered = self.find(name)
        return None if offered is None else offered.listed.input_schema


def offer(tool: Tool, name: str) -> Offered:
    """A tool as MCP lists it: schemas that stand alone, hints as annotations."""
    given = bundle({**tool.parameters, "type": "object"}, tool.definitions)
    promise = Promise(tool)
    answer, wrapped = _output_schema(promise)
    hints = tool.hints
    stated = any(value is not None for value in (hints.read_only, hints.idempotent, hints.destructive))
    annotations = types.ToolAnnotations(
        read_only_hint=hints.read_only,
        idempotent_hint=hints.idempotent,
        destructive_hint=False if hints.read_only else hints.destructive,
    )
    listed = types.Tool(
        name=name,
        title=tool.id if name != tool.name else None,
        description=tool.description or None,
        input_schema=given,
        output_schema=answer,
        annotations=annotations if stated else None,
    )
    size = len(orjson.dumps(given)) + (len(orjson.dumps(answer)) if answer else 0)
    return Offered(tool, listed, promise, wrapped, size)


def _output_schema(promise: Promise) -> tuple[Schema | None, bool]:
    """The bundled answer schema, and whether the answer is wrapped in an object."""
    schema = promise.schema
    if schema is None:
        return None, False
    if schema.get("type") == "object":
        return bundle(schema, promise.definitions), False
    wrapper = {"type": "object", "properties": {_WRAPPER: schema}, "required": [_WRAPPER]}
    return bundle(wrapper, promise.definitions), True


def result_of(offered: Offered, observation: Observation) -> types.CallToolResult:
    """An observation as a tool result: always text; structured content where it succeeded."""
    seen = offered.promise.kept(observation)
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=seen.content)]
    if not seen.ok:
        return types.CallToolResult(content=content, is_error=True)
    if offered.wrapped:
        return types.CallToolResult(content=content, structured_content={_WRAPPER: seen.body})
    structured = seen.body if isinstance(seen.body, dict) else None
    return types.CallToolResult(content=content, structured_content=structured)


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"after:{position}".encode()).decode()


def _position(cursor: str | None, total: int) -> int:
    if cursor is None:
        return 0
    try:
        label, _, number = base64.urlsafe_b64decode(cursor.encode()).decode().partition(":")
        position = int(number) if number.isascii() and number.isdigit() else -1
    except (binascii.Error, ValueError) as error:
        raise BadCursorError(cursor) from error
    if label != "after" or not 0 < position < total:
        raise BadCursorError(cursor)
    return position
