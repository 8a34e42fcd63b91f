"""Preference pairs from a model's own mistakes: where its failed attempt goes wrong, and what was right there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwise.corpus import read_sft
from toolwise.corpus.examples import ChatWriter, ExampleConfig
from toolwise.offers import Offer
from toolwise.pipelines.dev_attempts import attempted
from toolwise.pipelines.evaluate import Attempt
from toolwise.pipelines.rollouts import Rollouts
from toolwise.ports import Observer, Progress, Tools, silent
from toolwise.types import ChatMessage, Json, PreferencePair, Role, SFTExample, Task, canonical_json, content_key

Start = tuple[Any, Any]
"""A model and its tokenizer."""
_AT_ONCE = 256


@dataclass(frozen=True)
class OwnMistakes:
    """What a model's own attempts gave."""

    pairs: tuple[PreferencePair, ...]
    attempts: int
    passed: int

    def summary(self) -> Json:
        """Counts, as the training's summary shows them."""
        return {"attempts": self.attempts, "passed": self.passed, "pairs": len(self.pairs)}


def own_mistakes(
    rollouts: Rollouts, tasks: Sequence[Task], sft: Path, start: Start, observer: Observer = silent
) -> OwnMistakes:
    """Let the start attempt the tasks, and pair each failed attempt's first wrong turn with the right one there.

    `sft` are the corpus's verified conversations of these tasks. Raises WorldError, DataError.
    """
    wanted = {task.key for task in tasks}
    examples = {example.task_key: example for example in read_sft(sft) if example.task_key in wanted}
    pairs: list[PreferencePair] = []
    passed = done = 0
    model, tokenizer = start
    for begin in range(0, len(tasks), _AT_ONCE):
        attempts = attempted(rollouts, tasks[begin : begin + _AT_ONCE], model, tokenizer)
        found = [
            own_mistake(one, examples[one.task.key], rollouts.tools) for one in attempts if one.task.key in examples
        ]
        pairs += [pair for pair in found if pair is not None]
        passed, done = passed + sum(one.passed for one in attempts), done + len(attempts)
        observer(Progress("train", done, len(tasks), f"own attempts: {passed} passed, {len(pairs)} mistakes to learn"))
    return OwnMistakes(tuple(pairs), done, passed)


def own_mistake(attempt: Attempt, example: SFTExample, tools: Tools) -> PreferencePair | None:
    """The first wrong turn of a failed attempt (one branch), against the right turn at the same point.

    A turn is right where it makes calls of the verified conversation that were not made before, in whatever order, or
    says what that says once all are made. The right turn is the conversation's first with calls that are still to be
    made, and after them its answer. An attempt that made some of a right turn's calls, and then went wrong, was wrong
    to leave out the others. None where no turn is wrong, where nothing was written at that point, or where the tools
    answered otherwise than the right answer supposes.
    """
    if attempt.passed or attempt.trajectory is None:
        return None
    offer = Offer([tools.tool(tool_id) for tool_id in attempt.task.candidates])
    written = ChatWriter(offer, ExampleConfig()).write([node.message for node in attempt.trajectory.nodes])
    missing = {call for message in example.messages for call in _calls(message)}
    short: tuple[int, ChatMessage] | None = None
    for place, message in enumerate(written):
        if message["role"] != Role.ASSISTANT:
            continue
        calls, right = _calls(message), _right_turn(example.messages, missing, written[:place])
        if calls and missing.issuperset(calls):
            if right is not None and set(_calls(right)) > set(calls):
                short = (place, right)
            missing.difference_update(calls)
            continue
        if right is None and short is not None:
            return _pair(example, written[: short[0] + 1], short[1])
        return _pair(example, written[: place + 1], right) if right is not None else None
    return None


def _pair(example: SFTExample, written: Sequence[ChatMessage], right: ChatMessage) -> PreferencePair | None:
    """The last of what was written against the right turn in its place."""
    *before, wrong = written
    if _act(right) == _act(wrong) or not (_calls(wrong) or wrong["content"].strip()):
        return None
    return PreferencePair(
        key=content_key("own mistake", example.task_key, before, right, wrong),
        task_key=example.task_key,
        split=example.split,
        prompt=tuple(before),
        chosen=(right,),
        rejected=(wrong,),
        tools=example.tools,
    )


def _right_turn(right: Sequence[ChatMessage], missing: set[bytes], before: Sequence[ChatMessage]) -> ChatMessage | None:
    """The conversation's first turn with calls still to be made; its answer after them, if it was told the same."""
    for message in right:
        if waiting := [call for call in _calls(message) if call in missing]:
            return message if len(waiting) == len(_calls(message)) else None
    return right[-1] if _told(right) == _told(before) else None


def _told(messages: Sequence[ChatMessage]) -> list[str]:
    return sorted(message["content"] for message in messages if message["role"] == Role.TOOL)


def _act(message: ChatMessage) -> Json:
    return [message["content"].strip(), _calls(message)]


def _calls(message: ChatMessage) -> list[bytes]:
    """The calls of a message, by name and arguments; not by their numbers."""
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return [canonical_json([one["name"], one["arguments"]]) for one in functions]
