"""What a judge is asked. The wording is part of the judge: a change of it is another judge."""

from __future__ import annotations

from toolwise.evaluation.calls.procedure import Solution
from toolwise.types import content_key
from toolwise.types.base import canonical_json

SOLVED, UNSURE, UNSOLVED = "Solved", "Unsure", "Unsolved"
STATUSES = (SOLVED, UNSURE, UNSOLVED)
SOLVABLE, UNSOLVABLE = "Solvable", "Unsolvable"
SOLVABILITIES = (SOLVABLE, UNSURE, UNSOLVABLE)
FIRST, SECOND, EQUAL = "First", "Second", "Equal"
PREFERENCES = (FIRST, SECOND, EQUAL)
STATUS_NAME, TASK_NAME, PREFERENCE_NAME = "Answer status", "Task status", "Better"
_LONGEST = 1500
"""Characters of one observation: a judge needs to see what came back, not all of it."""

_STATUS = """You judge whether an assistant that can call tools has solved a user's request.

Request:
{instruction}

What the assistant did:
{trace}

Solved: the final answer gives what was asked, and rests on what the tools returned.
Unsolved: it does not answer, answers something else, states what no tool returned, or says that it failed.
Unsure: the record does not allow a decision.

Explain in at most three sentences. Then write one last line:
Answer status: Solved, Unsure or Unsolved"""

_TASK = """You judge whether a request can be fulfilled with the tools on offer.

Request:
{instruction}

Tools:
{tools}

Solvable: the request states, or the tools can find, everything that is needed.
Unsolvable: a needed value is missing or invalid, or no tool does what is asked.
Unsure: the descriptions do not allow a decision.

Explain in at most three sentences. Then write one last line:
Task status: Solvable, Unsure or Unsolvable"""

_PREFERENCE = """Two assistants with the same tools worked on the same request. You judge whose work is better.

Request:
{instruction}

First assistant:
{first}

Second assistant:
{second}

What counts, in this order: the request is fulfilled; the answer rests on what the tools returned; the answer is
complete; fewer needless calls. Length and style do not count, nor does the order in which the two are shown.

Explain in at most three sentences. Then write one last line:
Better: First, Second or Equal"""

VERSION = content_key(_STATUS, _TASK, _PREFERENCE)
"""Part of every judgement's identity."""


def status_prompt(instruction: str, solution: Solution) -> str:
    """Has this solution solved the request?"""
    return _STATUS.format(instruction=instruction, trace=trace(solution))


def task_prompt(instruction: str, tools: str) -> str:
    """Can the request be fulfilled with these tools?"""
    return _TASK.format(instruction=instruction, tools=tools)


def preference_prompt(instruction: str, first: Solution, second: Solution) -> str:
    """Which of two solutions is better, shown in this order?"""
    return _PREFERENCE.format(instruction=instruction, first=trace(first), second=trace(second))


def trace(solution: Solution) -> str:
    """A solution as a judge reads it: the calls with what came back, shortened, and the answer."""
    lines = []
    for number, step in enumerate(solution.steps, 1):
        lines.append(f"{number}. {step.name} {canonical_json(step.arguments).decode()}")
        if step.observation is not None:
            seen = step.observation
            lines.append(f"   returned: {seen[:_LONGEST]}{'…' if len(seen) > _LONGEST else ''}")
    return "\n".join([*lines, f"Final answer: {solution.answer.strip() or '(none)'}"])
