"""A model and a policy that say what they are told to: for tests, dry runs and demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolwise.errors import ModelError
from toolwise.ports import ChatReply, ChatRequest, Step, Turn
from toolwise.types import Message, Role, StopReason

Answer = Message | str


def _message(answer: Answer) -> Message:
    return answer if isinstance(answer, Message) else Message(role=Role.ASSISTANT, content=answer)


class ScriptedModel:
    """A ChatModel that replies from a list, in order, or from a function of the request.

    It keeps every request in `requests`.
    """

    def __init__(self, script: Sequence[Answer] | Callable[[ChatRequest], Answer]) -> None:
        self._script = script
        self.requests: list[ChatRequest] = []

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises ModelError when the list is used up."""
        self.requests.append(request)
        if callable(self._script):
            message = _message(self._script(request))
        elif len(self.requests) <= len(self._script):
            message = _message(self._script[len(self.requests) - 1])
        else:
            raise ModelError(f"the script has only {len(self._script)} replies")
        return ChatReply(message, "tool_calls" if message.tool_calls else "stop")


class ScriptedPolicy:
    """A Policy that acts from a list, in order (giving up at its end), or from a function of the turn.

    It keeps every turn in `turns`.
    """

    def __init__(
        self, script: Sequence[Step | Answer] | Callable[[Turn], Step | Answer], *, name: str = "scripted"
    ) -> None:
        self.name = name
        self._script = script
        self.turns: list[Turn] = []

    async def act(self, turn: Turn) -> Step:
        self.turns.append(turn)
        if callable(self._script):
            step = self._script(turn)
        elif len(self.turns) <= len(self._script):
            step = self._script[len(self.turns) - 1]
        else:
            return Step(Message(role=Role.ASSISTANT), StopReason.GAVE_UP)
        return step if isinstance(step, Step) else Step(_message(step))
