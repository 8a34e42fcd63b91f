"""The templated right final answer of a task, short and regular so that a compact model can learn it by copying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from toolwise.types import Json, Observation, Outcome, Task

DECLINED = "none of the available tools"
"""The phrase that an answer must hold where no candidate fits."""


def scalar_text(value: Json) -> str:
    """A scalar as an answer states it: strings as they are, anything else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def scalars(body: Json) -> Iterator[str]:
    """The texts of all scalars in a response, depth first."""
    if isinstance(body, dict):
        for part in body.values():
            yield from scalars(part)
    elif isinstance(body, list):
        for part in body:
            yield from scalars(part)
    elif body is not None:
        yield scalar_text(body)


def final_answer(task: Task, observations: Sequence[Observation]) -> str:
    """What the embedded teacher says at the end of a task.

    For a task of calls, each fact is stated only if some successful observation holds it, so the answer is grounded;
    what is missing is said to be missing. Negatives need no observations.
    """
    checks = task.checks
    labels = checks.labels or ("answer",) * len(checks.facts)
    if checks.outcome is Outcome.ASK:
        return f"Which {' and '.join(checks.facts)} should I use?"
    if checks.outcome is Outcome.DECLINE:
        return f"I cannot do this: {DECLINED} fits."
    if checks.outcome is Outcome.ANSWER:
        return f"{' '.join(checks.facts)}."
    if not checks.facts:
        return "Done."
    seen = {text for observation in observations if observation.ok for text in scalars(observation.body)}
    stated = [
        f"The {label} is {fact}." if fact in seen else f"I could not find the {label}."
        for label, fact in zip(labels, checks.facts, strict=True)
    ]
    return " ".join(stated)
