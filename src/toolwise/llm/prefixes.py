"""How much of what is sent was sent before: the share of prompt tokens that a prompt cache can serve."""

from __future__ import annotations

from collections import OrderedDict

from toolwise.llm.wire import tools_size, written_messages
from toolwise.ports import ChatRequest

_REMEMBERED = 50_000
"""Prefixes kept in memory; a cache forgets too."""


class PrefixMeter:
    """Compares each request, message by message, with the prefixes of those before it.

    A prefix is the tools with the first messages. Shares are by bytes, and weighted by each request's tokens.
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
        for sent in written_messages(request):
            chain = hash((chain, sent))
            length += len(sent)
            if known and chain in self._known:
                shared += len(sent)
                continue
            known = False
            self._known[chain] = None
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if shared:
            shared += tools
        self._count(prompt_tokens, shared / max(1, length + tools))

    def _count(self, prompt_tokens: int, share: float) -> None:
        self._total += prompt_tokens
        self._shared += prompt_tokens * share

    def add(self, total: float, shared: float) -> None:
        """Count what another meter saw."""
        self._total += total
        self._shared += shared

    @property
    def counted(self) -> tuple[float, float]:
        """Prompt tokens in all, and those in shared prefixes."""
        return self._total, self._shared

    @property
    def share(self) -> float | None:
        """Between 0 and 1; none before the first request."""
        return self._shared / self._total if self._total else None
