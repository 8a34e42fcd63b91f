"""OpenAI's fine-tuning rows: `messages` and `tools`, a call's arguments as a JSON string. Thoughts have no place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolwise.corpus.formats.conversations import Conversation, json_text, read_chat
from toolwise.types import ChatMessage, FunctionTool, Json


def openai_row(messages: Sequence[ChatMessage], tools: Sequence[FunctionTool]) -> dict[str, Json]:
    """The row; `tools` is left out where there are none, as the format asks."""
    row: dict[str, Json] = {"messages": [_message(message) for message in messages]}
    if tools:
        row["tools"] = list(tools)
    return row


def read_openai_row(row: Mapping[str, Any]) -> Conversation:
    """Raises RowError. The older form, with `functions`, is read too."""
    return read_chat(row.get("messages"), row.get("tools") or row.get("functions"))


def string_calls(message: ChatMessage) -> list[Json]:
    """A message's calls with their arguments as strings."""
    return [
        {**call, "function": {**call["function"], "arguments": json_text(call["function"]["arguments"])}}
        for call in message.get("tool_calls") or ()
    ]


def _message(message: ChatMessage) -> dict[str, Json]:
    made: dict[str, Json] = {"role": message["role"], "content": message["content"]}
    if calls := string_calls(message):
        if not message["content"]:
            del made["content"]
        made["tool_calls"] = calls
    if "tool_call_id" in message:
        made["tool_call_id"] = message["tool_call_id"]
    return made
