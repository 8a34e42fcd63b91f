"""What the user role and the assistant role are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from toolwise.ports import ChatRequest, Sampling
from toolwise.synthesis.conversations.script import Act, Request, Script, Stated, Style
from toolwise.types import Message, Role, Schema

ASSISTANT = """You talk with a user and help by calling the tools on offer, one step at a time.

- Before you call, think: say in a sentence what is known, what is missing and which tool brings it.
- Take every value from what the user says or from what a tool has returned. Never make one up. Where a required value \
is missing, do not call: ask the user for it in one short question.
- The user may change their mind or ask for more. Do what the latest message asks, in the light of the earlier ones.
- A tool that fails says why: mend the call, or tell the user.
- When a request is served, tell the user so in plain words, with what the tools returned. Do not ask whether there \
is anything else.
- When you cannot succeed, call give_up and say why."""
USER = """You play a person who talks to an assistant. You are told, as JSON, what to say now; say it as this person \
would, in English, and nothing beyond it.

- State every value that you are to state exactly as it is spelt, so that it is clear what each one is for.
- Say nothing of what is under keep_back: you will be asked for it.
- Where a value comes from an earlier step, do not state it: say where it comes from.
- Never name a tool, and never speak of tools, functions, APIs or parameters.
- style question: one or two sentences that ask. imperative: one or two sentences that order. scenario: up to five \
sentences that tell the situation behind the request.
- act open or add: ask for what is under wants. answer: answer the assistant's question with what you know. change: \
say that you have changed your mind, and what the value is to be now."""
USER_TURN: Schema = {
    "title": "user_turn",
    "type": "object",
    "properties": {"message": {"type": "string"}},
    "required": ["message"],
}


def user_request(
    script: Script, request: Request, act: Act, path: Sequence[Message], sampling: Sampling, problem: str = ""
) -> ChatRequest:
    """The model call that words the user's next message; `problem` says what was wrong with the last wording."""
    said = "\n".join(_lines(path)) or "(nothing yet)"
    document = orjson.dumps(brief(script, request, act), option=orjson.OPT_NON_STR_KEYS).decode()
    text = f"The conversation so far:\n{said}\n\nWhat to say now:\n{document}"
    if problem:
        text += f"\n\nYour last wording could not be used: {problem}."
    messages = (Message(role=Role.SYSTEM, content=USER), Message(role=Role.USER, content=text))
    return ChatRequest(messages, sampling=sampling, answer_schema=USER_TURN)


def brief(script: Script, request: Request, act: Act) -> dict[str, Any]:
    """What the user is to say, as JSON."""
    document: dict[str, Any] = {"act": act.value}
    if act is Act.CHANGE and request.changed is not None:
        wish = script.wishes[request.changed.call]
        return {**document, "wish": wish, "now": {request.changed.label: request.changed.value}}
    if act is Act.OPEN:
        document["style"] = script.style.value
    elif act is Act.ADD:
        document["style"] = Style.IMPERATIVE.value
    withheld = None if act is Act.ANSWER else request.withheld
    document["wants"] = [_want(script, request, index, withheld) for index in request.calls]
    if act is Act.ANSWER and request.withheld is not None:
        document["not_said_yet"] = {request.withheld.label: request.withheld.value}
    if withheld is not None:
        document["keep_back"] = withheld.label
    return document


def _want(script: Script, request: Request, index: int, withheld: Stated | None) -> Mapping[str, Any]:
    values = {value.label: value.value for value in request.values if value.call == index and value is not withheld}
    want: dict[str, Any] = {"step": index + 1, "wish": script.wishes[index], "values": values}
    if script.sources and script.sources[index]:
        want["from_results"] = dict(script.sources[index])
    return want


def _lines(path: Iterable[Message]) -> Iterable[str]:
    for message in path:
        if message.role is Role.USER:
            yield f"You: {message.content}"
        elif message.role is Role.ASSISTANT and not message.tool_calls:
            yield f"Assistant: {message.content}"
