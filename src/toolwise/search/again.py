"""A policy that takes its best step first, and draws another one where it is asked the same again."""

from __future__ import annotations

from toolwise.ports import Policy, Step, Turn
from toolwise.types import Json, Message, content_key


class RedrawingPolicy:
    """The first policy decides; in a situation of a task that it has decided before, the second one does.

    So ReAct@N begins as ReAct does and its further chains are drawn, while a tree, whose situations differ, is
    searched as it always is. One object serves one search of each task.
    """

    def __init__(self, first: Policy, again: Policy) -> None:
        self.name = first.name
        self._first = first
        self._again = again
        self._seen: set[str] = set()

    async def act(self, turn: Turn) -> Step:
        """Raises what the policies raise."""
        siblings = [[_parts(message) for message in sibling] for sibling in turn.siblings]
        key = content_key(turn.task.key, [_parts(message) for message in turn.path], siblings)
        policy = self._again if key in self._seen else self._first
        self._seen.add(key)
        return await policy.act(turn)


def _parts(message: Message) -> Json:
    """What tells one message from another; not the calls' ids, which differ from branch to branch."""
    return [message.role.value, message.content, [[call.name, call.arguments] for call in message.tool_calls]]
