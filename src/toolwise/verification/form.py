"""Stage 1, format: is the branch a well-formed conversation that ends with an answer?"""

from __future__ import annotations

from toolwise.types import Check, Message, RejectReason, Role
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "format"


def check_format(attempt: Attempt) -> Check:
    """The instruction, then assistant turns, each call answered in order before the next turn, an answer last.

    The user may speak again after any turn in which the assistant calls nothing.
    """
    if not attempt.path:
        return rejected(STAGE, RejectReason.NO_ANSWER, "no branch ended with an answer")
    first, *rest = attempt.messages
    if first.role is not Role.USER or first.content != attempt.task.instruction:
        return rejected(STAGE, RejectReason.MALFORMED, "the first message is not the task's instruction")
    if not attempt.answer.strip() or attempt.messages[-1].role is not Role.ASSISTANT:
        return rejected(STAGE, RejectReason.NO_ANSWER, "the last message is not an answer")
    problem = _disorder(rest)
    return rejected(STAGE, RejectReason.MALFORMED, problem) if problem else passed(STAGE)


def _disorder(messages: list[Message]) -> str:
    """What is out of order; empty where nothing is."""
    pending: list[str] = []
    before: Message | None = None
    for position, message in enumerate(messages, start=1):
        if problem := _problem(message, before, pending):
            return f"message {position} {problem}"
        pending = pending[1:] if message.role is Role.TOOL else [call.id for call in message.tool_calls]
        before = message
    return f"the call {pending[0]} is never answered" if pending else ""


def _problem(message: Message, before: Message | None, pending: list[str]) -> str:
    """Why a message cannot follow the one before it, with these calls open; empty where it can."""
    spoke = before is not None and before.role is Role.ASSISTANT and not before.tool_calls
    if message.role is Role.TOOL:
        return "" if pending and pending[0] == message.tool_call_id else "answers no open call"
    if pending:
        return f"comes before the call {pending[0]} is answered"
    if message.role is not Role.ASSISTANT:
        fits = message.role is Role.USER and spoke and message.content.strip()
        return "" if fits else f"is from the {message.role.value}"
    if spoke:
        return "comes after one that calls nothing, with no word of the user's between"
    ids = [call.id for call in message.tool_calls]
    return "uses one call id twice" if len(set(ids)) < len(ids) else ""
