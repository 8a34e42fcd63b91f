"""Stage 1, format: is the branch a well-formed conversation that ends with an answer?"""

from __future__ import annotations

from toolwise.types import Check, Message, RejectReason, Role
from toolwise.verification.attempt import Attempt, passed, rejected

STAGE = "format"


def check_format(attempt: Attempt) -> Check:
    """The instruction, then assistant turns, each call answered in order before the next turn, an answer last."""
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
    for position, message in enumerate(messages, start=1):
        if message.role is Role.TOOL:
            if not pending or pending.pop(0) != message.tool_call_id:
                return f"message {position} answers no open call"
        elif message.role is not Role.ASSISTANT:
            return f"message {position} is from the {message.role.value}"
        elif pending:
            return f"message {position} comes before the call {pending[0]} is answered"
        elif not message.tool_calls and position < len(messages):
            return f"message {position} calls nothing, yet the conversation goes on"
        else:
            pending = [call.id for call in message.tool_calls]
            if len(set(pending)) < len(pending):
                return f"message {position} uses one call id twice"
    return f"the call {pending[0]} is never answered" if pending else ""
