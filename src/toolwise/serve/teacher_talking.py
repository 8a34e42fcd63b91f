"""The embedded teacher in a conversation: what its user says, and how its assistant calls, asks and answers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from toolwise.answers import DECLINED, scalars
from toolwise.evaluation.baselines import nearest_tools
from toolwise.ports import Step, Turn
from toolwise.serve.teacher_writing import Clause, clauses_of, copied, details, joined, say, sources_of, stated
from toolwise.text import identifier_words, phrase
from toolwise.types import Json, Message, Role, Tool, ToolCall, read_content

_FACTS = 6
_QUESTIONS = ("Could you", "Can you", "Would you", "Is it possible that you")
_SCENES = (
    "I'm new here and still finding my way around.",
    "My colleague is on leave, so all of this has landed on my desk.",
    "We have visitors this afternoon, and I want everything to be in order.",
    "I promised our manager an answer before the end of the day.",
)
_MIND = "I have changed my mind:"
_ANSWERS = ("It is the {given}.", "Sure, the {given}.", "Sorry, I forgot: the {given}.")
_TRIES = 2


def ask_for(wants: Sequence[Clause], style: str, rng: random.Random) -> str:
    """The user's first message, or a further request."""
    if style == "question" and len(wants) == 1:
        return f"{rng.choice(_QUESTIONS)} {wants[0].wish}{details(wants[0])}?"
    scene = rng.choice(_SCENES) if style == "scenario" else ""
    return say(wants, (), rng, scene)


def answer_with(known: Mapping[str, Json], rng: random.Random) -> str:
    """What the user knows, when asked."""
    given = joined([f"{label} {value}" for label, value in stated(known)])
    return rng.choice(_ANSWERS).replace("{given}", given) if given else "I don't know more than I have said."


def change_of_mind(wish: str, now: Mapping[str, Json], rng: random.Random) -> str:
    """The user wants the same again with another value."""
    given = joined([f"{label} {value}" for label, value in stated(now)])
    return f"{rng.choice(('Actually,', 'Wait,', 'Hm,'))} {_MIND} {wish} with the {given} instead."


@dataclass
class _Segment:
    """One request of the user's: its words, the answers to questions about it, and what was done for it."""

    text: str
    answers: list[str] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    results: list[tuple[bool, Json]] = field(default_factory=list)


class TalkingPolicy:
    """The assistant: for each sentence of the latest request it calls the nearest tool with the values that were said,
    asks for a required one that was not, and reports what came back."""

    name = "talking"

    async def act(self, turn: Turn) -> Step:
        segments = _segments(turn.path)
        now = segments[-1]
        call, lacking = self._next(now, segments[:-1], turn.tools)
        if lacking:
            return _say(f"Which {phrase(lacking)} should I use?")
        if call is not None:
            thought = f"Next: {phrase(call.name.rpartition('.')[2])}."
            identified = call.model_copy(update={"id": f"call_{len(turn.path)}"})
            return Step(Message(role=Role.ASSISTANT, thought=thought, tool_calls=(identified,)))
        return _say(_report(now))

    def _next(self, now: _Segment, earlier: Sequence[_Segment], tools: Sequence[Tool]) -> tuple[ToolCall | None, str]:
        """(the next call, or none where all is done; a parameter to ask for)."""
        failures = 0
        while failures < len(now.results) and not now.results[-1 - failures][0]:
            failures += 1
        if failures >= _TRIES:
            return None, ""
        done = sum(ok for ok, _ in now.results)
        if _MIND in now.text:
            return (None if done else _again(now, earlier, tools)), ""
        clauses = clauses_of(now.text)
        if done >= len(clauses):
            return None, ""
        clause = " ".join([clauses[done], *now.answers])
        tool = next((tool for score, tool in nearest_tools(clauses[done], tools) if score > 0), None)
        if tool is None:
            return None, ""
        sources = sources_of(clauses[done], tool, done)
        arguments = copied(clause, tool, sources)
        for name, step in sources.items():
            value = _found(name, now.results[step - 1][1]) if step <= len(now.results) else None
            if value is not None:
                arguments[name] = value
        lacking = next((name for name in tool.required if name not in arguments), "")
        return ToolCall(name=tool.id, arguments=arguments), lacking


def _segments(path: Sequence[Message]) -> list[_Segment]:
    """The conversation cut where the user begins something new: after an answer of the assistant's, not a question."""
    segments: list[_Segment] = []
    asked = False
    calls: dict[str, ToolCall] = {}
    for message in path:
        if message.role is Role.USER and asked and segments:
            segments[-1].answers.append(message.content)
        elif message.role is Role.USER:
            segments.append(_Segment(message.content))
        elif message.role is Role.TOOL and segments:
            segments[-1].results.append(read_content(message.content))
            if (call := calls.get(message.tool_call_id)) is not None:
                segments[-1].calls.append(call)
        calls.update({call.id: call for call in message.tool_calls})
        asked = message.role is Role.ASSISTANT and not message.tool_calls and message.content.endswith("?")
    return segments or [_Segment("")]


def _again(now: _Segment, earlier: Sequence[_Segment], tools: Sequence[Tool]) -> ToolCall | None:
    """The last call before this request, with the values that it states."""
    calls = [call for segment in earlier for call in segment.calls]
    tool = next((tool for tool in tools if calls and tool.id == calls[-1].name), None)
    if tool is None:
        return None
    said = " ".join(identifier_words(now.text))
    mentioned = {name for name in tool.properties if f" {phrase(name)} " in f" {said} "}
    changed = {name: value for name, value in copied(now.text, tool).items() if name in mentioned}
    return ToolCall(name=tool.id, arguments={**calls[-1].arguments, **changed})


def _found(name: str, body: Json) -> Json:
    """The value in a response that a parameter's name points to: its own field, else the last word's, first found."""
    words = identifier_words(name)
    for wanted in (words, words[-1:], ("id",), ("name",)):
        value = _search(body, tuple(wanted))
        if value is not None:
            return value
    return None


def _search(body: Json, words: tuple[str, ...]) -> Json:
    if isinstance(body, dict):
        for name, part in body.items():
            if identifier_words(name) == words and not isinstance(part, dict | list) and part is not None:
                return part
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
    return next((value for part in parts if (value := _search(part, words)) is not None), None)


def _report(now: _Segment) -> str:
    if not now.results:
        return f"I cannot do this: {DECLINED} fits."
    good = [body for ok, body in now.results if ok]
    if not now.results[-1][0]:
        return f"That did not work: {', '.join(islice(scalars(now.results[-1][1]), _FACTS))}."
    facts = ", ".join(islice(scalars(good[-1]), _FACTS))
    return f"That is done: {facts}." if facts else "That is done."


def _say(text: str) -> Step:
    return Step(Message(role=Role.ASSISTANT, content=text))
