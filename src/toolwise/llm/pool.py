"""Several endpoints as one model: each gets its share of the calls, and takes over for one that is down."""

from __future__ import annotations

import math
from collections.abc import Sequence

from toolwise.errors import ConfigError
from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.faults import EndpointUnusableError
from toolwise.llm.pricing import Meter, Usage
from toolwise.llm.wire import request_key
from toolwise.ports import ChatReply, ChatRequest
from toolwise.types import content_key


class EndpointPool:
    """A ChatModel over endpoints with weights.

    Which endpoint answers depends on the request alone (weighted rendezvous hashing), so a resumed run asks the
    same ones. One that is unusable is left out with a notice; the last one's error is raised.
    """

    def __init__(self, models: Sequence[EndpointModel], meter: Meter) -> None:
        """Raises ConfigError where there is none."""
        if not models:
            raise ConfigError("no endpoint is given; name one with --base-url and --model")
        self.name = "+".join(dict.fromkeys(model.name for model in models))
        self._models = list(models)
        self._meter = meter

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises EndpointError, EndpointUnusableError."""
        return (await self.ask(request))[0]

    async def ask(self, request: ChatRequest) -> tuple[ChatReply, Usage]:
        """As `complete`, with what the call used."""
        while True:
            model = self._chosen(request)
            try:
                return await model.ask(request)
            except EndpointUnusableError as error:
                if len(self._models) == 1:
                    raise
                if model in self._models:
                    self._models.remove(model)
                    self._meter.notice(f"an endpoint is left out: {error}")

    async def close(self) -> None:
        for model in self._models:
            await model.close()

    def _chosen(self, request: ChatRequest) -> EndpointModel:
        if len(self._models) == 1:
            return self._models[0]
        question = request_key(request, "")

        def score(model: EndpointModel) -> float:
            drawn = int(content_key(question, model.config.base_url, model.name)[:13], 16) + 1
            return -model.config.weight / math.log(drawn / (16**13 + 2))

        return max(self._models, key=score)
