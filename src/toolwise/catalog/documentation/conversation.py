"""Asking a teacher until its answer can be used: what is wrong goes back to it, up to five times."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import orjson

from toolwise.catalog.documentation import prompts
from toolwise.errors import ModelError
from toolwise.ports import ChatModel, ChatRequest, Sampling
from toolwise.types import Message, Role

TRIES = 5
"""ToolAlpaca's number of attempts at one document (arXiv 2306.05301, section 3.1)."""
_ANSWER_TOKENS = 8192
_FENCED = re.compile(r"```[a-zA-Z]*\s*\n(.*?)\n?```", re.DOTALL)

ReadT = TypeVar("ReadT")


class UnusableAnswerError(ModelError):
    """The teacher's answers could not be used within the tries."""


class Conversation:
    """One conversation with the teacher about one toolset."""

    def __init__(self, model: ChatModel, seed: int) -> None:
        self._model = model
        self._seed = seed
        self.asked = 0

    async def ask(self, question: str, read: Callable[[str], ReadT | list[str]]) -> ReadT:
        """An answer that `read` could read; it gives a list of problems for one it could not. Raises ModelError."""
        messages = [Message(role=Role.SYSTEM, content=prompts.SYSTEM), Message(role=Role.USER, content=question)]
        problems: list[str] = []
        for _ in range(TRIES):
            self.asked += 1
            sampling = Sampling(max_tokens=_ANSWER_TOKENS, seed=self._seed)
            reply = await self._model.complete(ChatRequest(tuple(messages), sampling=sampling))
            answer = read(reply.message.content)
            if not isinstance(answer, list):
                return answer
            problems = answer
            messages = messages[:2]  # the latest answer alone: a document is long, and older mistakes mislead
            messages.append(Message(role=Role.ASSISTANT, content=reply.message.content or "(nothing)"))
            messages.append(Message(role=Role.USER, content=prompts.again(problems)))
        raise UnusableAnswerError(f"no usable answer in {TRIES} tries; the last: {problems[0][:200]}")


def json_object(text: str) -> dict[str, Any] | list[str]:
    """The JSON object in an answer, whatever stands around it; or what is wrong."""
    fenced = _FENCED.search(text)
    inside = fenced[1] if fenced else text[text.find("{") : text.rfind("}") + 1]
    try:
        value = orjson.loads(inside)
    except orjson.JSONDecodeError as error:
        return [f"it is not one JSON object: {error}"]
    return value if isinstance(value, dict) else ["it is not one JSON object"]
