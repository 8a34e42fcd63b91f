from __future__ import annotations

import pytest

from toolwise.answers import final_answer, scalars
from toolwise.text import contains_fact
from toolwise.types import Checks, Observation, Outcome, Task, ToolErrorKind


def _task(outcome: Outcome, facts: tuple[str, ...] = (), labels: tuple[str, ...] = ()) -> Task:
    checks = Checks(outcome=outcome, facts=facts, labels=labels)
    return Task(instruction="Do it", candidates=(), relevant=(), checks=checks)


def test_every_fact_is_stated_under_its_label() -> None:
    task = _task(Outcome.CALL, ("READY", "12.5"), ("status", "size of the first disk"))
    seen = [Observation(status=200, body={"status": "READY", "disks": [{"size": 12.5}]})]
    assert final_answer(task, seen) == "The status is READY. The size of the first disk is 12.5."


def test_what_no_successful_observation_holds_is_not_claimed() -> None:
    task = _task(Outcome.CALL, ("READY",), ("status",))
    failed = Observation(status=404, body={"status": "READY"}, error=ToolErrorKind.NOT_FOUND)
    assert final_answer(task, [failed]) == "I could not find the status."


def test_nothing_to_report() -> None:
    assert final_answer(_task(Outcome.CALL), []) == "Done."


@pytest.mark.parametrize(
    ("outcome", "fact"),
    [
        (Outcome.ASK, "reader id"),
        (Outcome.DECLINE, "none of the available tools"),
        (Outcome.ANSWER, "carbon dioxide"),
    ],
)
def test_negatives_hold_their_fact(outcome: Outcome, fact: str) -> None:
    answer = final_answer(_task(outcome, (fact,)), [])
    assert contains_fact(answer, fact)


def test_scalars_of_a_body_are_all_leaves_as_text() -> None:
    assert list(scalars({"a": [1, True, None], "b": {"c": "x"}})) == ["1", "true", "x"]
