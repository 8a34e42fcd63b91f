"""Valid call: does it name a candidate and satisfy the candidate's schema?"""

from __future__ import annotations

from collections.abc import Sequence

from toolwise.errors import CatalogError
from toolwise.schemas import Validator
from toolwise.types import Tool, ToolCall


def valid_call(tools: Sequence[Tool], call: ToolCall) -> bool:
    """Does the call name one of `tools` by id, with arguments that its full schema accepts (JSON Schema 2020-12)?

    An argument that the tool does not have is wrong even where the schema leaves that open, as documents mostly do
    by omission. A tool whose schema cannot be compiled accepts no call.
    """
    tool = next((tool for tool in tools if tool.id == call.name), None)
    if tool is None:
        return False
    closed = "additionalProperties" in tool.parameters
    if not closed and any(name not in tool.properties for name in call.arguments):
        return False
    try:
        return Validator(tool.parameters, tool.definitions).is_valid(call.arguments)
    except CatalogError:
        return False
