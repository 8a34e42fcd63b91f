"""Any open model run in this process by `transformers`: batched, with the chat template that it was trained with."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from toolwise.errors import ModelError
from toolwise.llm.local import Request, Written, chat_message
from toolwise.models.chat import ParsedTurn
from toolwise.models.chat_forms import ChatForm
from toolwise.models.open_models import load_open_model
from toolwise.ports import ChatReply, ChatRequest, Sampling
from toolwise.types import ChatMessage, Message, Role, ToolCall, canonical_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_ATTEMPTS = 4
"""Turns written at most where one must not come out again, or its calls are invalid."""
_HEAT = 0.8
"""Temperature of the attempts after the first."""


@dataclass(slots=True)
class _Try:
    """One request being answered."""

    request: Request
    prompt: list[int]
    best: Written | None = None
    doubt: float = math.inf
    first: str | None = None
    """What came out at the first attempt."""
    too_long: bool = False


class HfModel:
    """A model from a folder (whole, or an adapter beside its base); also a ChatModel.

    Nothing constrains what it writes: a turn that cannot be read, that must not come out again or whose calls do not
    fit their schemas is written anew, a little more at random, a few times. One that does not end within its limit is
    not: that would cost most and help least.
    """

    def __init__(self, source: Path | tuple[PreTrainedModel, PreTrainedTokenizerBase], *, batch: int = 16) -> None:
        """Raises DataError if the folder holds no such model, or its tokenizer no chat template."""
        model, self.tokenizer = load_open_model(source) if isinstance(source, Path) else source
        self.model: Any = model
        self.form = ChatForm(self.tokenizer)
        self.batch = batch
        self._pad = self.form.pad_id

    def turn_tokens(self, message: ChatMessage) -> tuple[int, ...]:
        """What tells one assistant's turn from another, for `Request.avoid`."""
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
        return _identity(message.get("content") or "", calls)

    def prompt_tokens(self, request: Request) -> list[int]:
        """The prompt as training wrote it. Raises ModelError if the template refuses the conversation."""
        try:
            messages, tools = self.form.prepare(request.messages, request.tools)
            text = self.form.render(messages, tools, prompt=True)
        except Exception as error:  # templates refuse with whatever exceptions they like
            raise ModelError(f"the chat template refuses this conversation: {' '.join(str(error).split())}") from error
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def write(self, requests: Sequence[Request]) -> list[Written]:
        """Write a turn for each request, in batches of like length. Raises ModelError."""
        tries = [_Try(request, self.prompt_tokens(request)) for request in requests]
        waiting = tries
        for attempt in range(_ATTEMPTS):
            for batch in self._batches(waiting, attempt):
                self._write(batch, attempt)
            waiting = [one for one in waiting if (one.best is None or one.doubt == math.inf) and not one.too_long]
            if not waiting:
                break
        return [one.best or Written((), one.first or "", None, 0.0, len(one.prompt)) for one in tries]

    def _batches(self, tries: Sequence[_Try], attempt: int) -> list[list[_Try]]:
        """What can be written in one go: the same way of sampling, and like lengths."""
        grouped: dict[Sampling, list[_Try]] = {}
        for one in tries:
            grouped.setdefault(_sampling(one.request, attempt), []).append(one)
        batches = []
        for group in grouped.values():
            ordered = sorted(group, key=lambda one: len(one.prompt))
            batches += [ordered[start : start + self.batch] for start in range(0, len(ordered), self.batch)]
        return batches

    @torch.inference_mode()
    def _write(self, tries: Sequence[_Try], attempt: int) -> None:
        sampling = _sampling(tries[0].request, attempt)
        longest = max(len(one.prompt) for one in tries)
        ids = torch.full((len(tries), longest), self._pad)
        mask = torch.zeros((len(tries), longest), dtype=torch.long)
        for place, one in enumerate(tries):
            ids[place, longest - len(one.prompt) :] = torch.tensor(one.prompt)
            mask[place, longest - len(one.prompt) :] = 1
        heated: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if sampling.temperature > 0:
            heated = {"do_sample": True, "temperature": sampling.temperature, "top_p": 1.0, "top_k": 0}
        device = self.model.device
        with torch.random.fork_rng():
            torch.manual_seed(sampling.seed)
            out = self.model.generate(
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=sampling.max_tokens,
                eos_token_id=list(self.form.stop_ids),
                pad_token_id=self._pad,
                **heated,
            )
        for one, row in zip(tries, out[:, longest:].tolist(), strict=True):
            self._judge(one, row)

    def _judge(self, one: _Try, row: Sequence[int]) -> None:
        """Keep what was written if it is the least doubtful so far."""
        end = next((place for place, token in enumerate(row) if token in self.form.stop_ids), None)
        tokens = tuple(row if end is None else row[: end + 1])
        text = str(self.tokenizer.decode(list(tokens), skip_special_tokens=False))
        one.first = text if one.first is None else one.first
        if end is None:
            one.too_long = True
            return
        try:
            turn = self.form.read(text)
        except ValueError:
            return
        if _identity(turn.content, [(call.name, call.arguments) for call in turn.calls]) in one.request.avoid:
            return
        doubt = one.request.doubt(turn) if one.request.doubt else 0.0
        if one.best is None or doubt < one.doubt:
            one.best, one.doubt = Written(tokens, text, turn, 0.0, len(one.prompt)), doubt

    async def complete(self, request: ChatRequest) -> ChatReply:
        """A turn whose calls cannot be read comes back as plain words. Raises ModelError."""
        messages = [chat_message(message) for message in request.messages]
        result = self.write([Request(messages, request.tools, request.sampling)])[0]
        await asyncio.sleep(0)
        turn = result.turn or ParsedTurn(result.text.strip())
        calls = tuple(
            ToolCall(id=f"call_{i}", name=call.name, arguments=call.arguments) for i, call in enumerate(turn.calls)
        )
        message = Message(role=Role.ASSISTANT, content=turn.content, tool_calls=calls)
        reason = "tool_calls" if calls else "stop" if result.turn else "length"
        return ChatReply(message, reason, result.prompt_tokens, len(result.tokens))


def _sampling(request: Request, attempt: int) -> Sampling:
    """As asked at first; later hotter, and with another seed each time."""
    sampling = request.sampling
    if attempt:
        return replace(sampling, temperature=max(_HEAT, sampling.temperature), seed=sampling.seed + attempt)
    return sampling if sampling.temperature > 0 else replace(sampling, seed=0)


def _identity(content: str, calls: Sequence[tuple[str, Any]]) -> tuple[int, ...]:
    return tuple(canonical_json([content.strip(), [[name, arguments] for name, arguments in calls]]))
