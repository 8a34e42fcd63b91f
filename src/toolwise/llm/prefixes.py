"""How much of what is sent was sent before: the share of prompt tokens that a prompt cache can serve."""

from __future__ import annotations

from collections import OrderedDict

from toolwise.llm.wire import tools_size
from toolwise.ports import ChatRequest
from toolwise.types import Message

_REMEMBERED = 50_000
"""Prefixes kept in memory; a cache forgets too."""


class PrefixMeter:
    """Compares each request, message by message, with the prefixes of those before it.

    A prefix is the tools with the first messages. Shares are by characters, and weighted by each request's tokens.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[int, None] = OrderedDict()
        self._shared = 0.0
        self._total = 0.0

    def see(self, request: ChatRequest, prompt_tokens: int) -> None:
        """Count a request that was sent, and its prompt tokens as the endpoint counted them."""
        tools = tools_size(request)
        chain = hash((tools, tuple(function["function"]["name"] for function in request.tools)))
        shared = length = 0
        known = True
        for message in request.messages:
            chain = hash((chain, message.role, message.content, message.thought, _calls(message)))
            size = len(message.content) + len(message.thought) + 1
            length += size
            known = known and chain in self._known
            shared += size if known else 0
            self._remember(chain)
        if shared:
            shared += tools
        length += tools
        self._total += prompt_tokens
        self._shared += prompt_tokens * shared / max(1, length)

    @property
    def share(self) -> float | None:
        """Between 0 and 1; none before the first request."""
        return self._shared / self._total if self._total else None

    def _remember(self, chain: int) -> None:
        self._known[chain] = None
        self._known.move_to_end(chain)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _calls(message: Message) -> tuple[str, ...]:
    return tuple(f"{call.id}{call.name}{call.arguments}" for call in message.tool_calls)
