"""How the questions read: several wordings for each meta-task, and the form of its answer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import orjson

from toolwise.types import MetaTaskKind, ToolCall

YES, NO = "yes", "no"
_STATE = "Answer with the state only, written like: {form}"
_CALL = 'Answer with the call only, written like: {"name": ..., "arguments": {...}}'
_YES_NO = "Answer yes or no."

QUESTIONS: Mapping[MetaTaskKind, tuple[str, ...]] = {
    MetaTaskKind.EFFECT: (
        "Now: {s}\nThe call {a} is made. What comes out?",
        "{s}\nWhat is the outcome of {a}?",
        "State before: {s}\nCall: {a}\nState after?",
        "Suppose this holds: {s}\nThen {a} runs. What holds then?",
        "You call {a} when this is so: {s}\nWhat does it lead to?",
    ),
    MetaTaskKind.DECISION: (
        "Before: {s}\nAfter: {t}\nWhich one call leads from the first to the second?",
        "Now: {s}\nWanted: {t}\nWhich single call brings that about?",
        "{s}\nOne call later: {t}\nWhich call was it?",
        "A call turned this: {s}\ninto this: {t}\nName a call that does so.",
        "Find one call to get from here: {s}\nto here: {t}",
    ),
    MetaTaskKind.REVERSION: (
        "The call {a} ran, and now: {t}\nWhat was the state before?",
        "After {a}: {t}\nBefore?",
        "Now: {t}\nThe last call was {a}. From which state can it have led here?",
        "Which state does {a} turn into the following? {t}",
        "Undo {a} in your mind. It led to this: {t}\nWhere did it start?",
    ),
    MetaTaskKind.INPUT_BOUNDARY: (
        "Now: {s}\nCan {a} run?",
        "{s}\nWould the call {a} succeed?",
        "Call: {a}\nState: {s}\nAre all its conditions met?",
        "Is {a} possible when this is so? {s}",
        "You are about to call {a}. This holds: {s}\nWill it work?",
    ),
    MetaTaskKind.OUTPUT_BOUNDARY: (
        "Now: {s}\nCan this be reached with at most {k} calls? {t}",
        "From: {s}\nTo: {t}\nIs {k} or fewer calls enough?",
        "{s}\nIs there a way of at most {k} calls to this: {t}",
        "Somebody may make up to {k} calls. It starts so: {s}\nCan it end so? {t}",
        "Is the second state within {k} calls of the first?\nFirst: {s}\nSecond: {t}",
    ),
    MetaTaskKind.COUNTERFACT: (
        "These calls ran: {c}\nThen: {t}\nHad call {i} been {b} instead, and the others the same, what would be so?",
        "Observed: after {c}: {t}\nWhat if {b} had been made in place of call {i}?",
        "{c} led to this: {t}\nReplace call {i} by {b}. What would it have led to?",
        "Calls: {c}\nOutcome: {t}\nOutcome with {b} as call {i}?",
        "It is now so: {t}\nThat is what {c} brought about. Give what it would be with {b} instead of call {i}.",
    ),
    MetaTaskKind.ERROR_KIND: (
        "Now: {s}\nThe call {a} fails. With which kind of error?",
        "{s}\nWhat kind of error does {a} give?",
        "Call: {a}\nState: {s}\nKind of error?",
    ),
    MetaTaskKind.VIOLATED_PRECONDITION: (
        "Now: {s}\nThe call {a} fails. Which condition is not met?",
        "{s}\nWhy can {a} not run?",
        "Call: {a}\nState: {s}\nViolated condition?",
    ),
}
_BRIEF: Mapping[MetaTaskKind, str] = {
    MetaTaskKind.EFFECT: "{s} After {a}?",
    MetaTaskKind.DECISION: "{s} Which call leads to {t}",
    MetaTaskKind.REVERSION: "After {a}: {t} Before?",
    MetaTaskKind.INPUT_BOUNDARY: "{s} Can {a} run?",
    MetaTaskKind.OUTPUT_BOUNDARY: "{s} Within {k} calls of {t}",
    MetaTaskKind.COUNTERFACT: "After {c}: {t} With {b} as call {i}?",
    MetaTaskKind.ERROR_KIND: "{s} Error of {a}?",
    MetaTaskKind.VIOLATED_PRECONDITION: "{s} Why can {a} not run?",
}
"""One short wording of each, for questions without a word on the form of the answer."""
_FORMS: Mapping[MetaTaskKind, str] = {
    MetaTaskKind.EFFECT: _STATE,
    MetaTaskKind.DECISION: _CALL,
    MetaTaskKind.REVERSION: _STATE,
    MetaTaskKind.INPUT_BOUNDARY: _YES_NO,
    MetaTaskKind.OUTPUT_BOUNDARY: _YES_NO,
    MetaTaskKind.COUNTERFACT: _STATE + "\nA call that cannot run changes nothing.",
    MetaTaskKind.ERROR_KIND: "Answer with the kind only, such as conflict or invalid_arguments.",
    MetaTaskKind.VIOLATED_PRECONDITION: "Answer with the condition only.",
}


def call_text(call: ToolCall) -> str:
    """A call as questions show it and as answers give it; tools by name, without their toolset."""
    shown = {"name": call.name.partition(".")[2] or call.name, "arguments": call.arguments}
    return orjson.dumps(shown, option=orjson.OPT_NON_STR_KEYS).decode()


def brief_call(call: ToolCall) -> str:
    """A call in a question that is to be short: `tool(name=value, other=value)`."""
    given = ", ".join(f"{name}={value}" for name, value in call.arguments.items())
    return f"{call.name.partition('.')[2] or call.name}({given})"


def calls_text(calls: Sequence[ToolCall], write: Callable[[ToolCall], str] = call_text) -> str:
    """Several calls, numbered from 1."""
    return "; ".join(f"{number}. {write(call)}" for number, call in enumerate(calls, 1))


def question(kind: MetaTaskKind, parts: Mapping[str, str], form: str, rng: random.Random) -> str:
    """The question in one of its wordings, and the form of the answer; the brief wording where `form` is empty.

    `offered` calls, if any, are listed.
    """
    text = rng.choice(QUESTIONS[kind]) if form else _BRIEF[kind]
    for name, value in parts.items():
        text = text.replace(f"{{{name}}}", value)
    offered = f"\nThe calls to choose from: {parts['offered']}" if parts.get("offered") else ""
    if not form:
        return text + offered
    return f"{text}{offered}\n{_FORMS[kind].replace('{form}', form)}"


def read_call(text: str, tools: Sequence[str]) -> ToolCall | None:
    """The call of an answer, its tool by id; None for what is no call of these tools."""
    try:
        data = orjson.loads(text.strip())
    except orjson.JSONDecodeError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("arguments"), dict):
        return None
    tool = next((t for t in tools if data.get("name") in (t, t.partition(".")[2])), None)
    return None if tool is None else ToolCall(name=tool, arguments=data["arguments"])
