"""Pass: did a trajectory solve its task?"""

from __future__ import annotations

from toolwise.errors import DataError
from toolwise.types import Task, Trajectory, Verdict


def passed(task: Task, trajectory: Trajectory, verdict: Verdict) -> bool:
    """Did the policy give an answer, and did every check of the verification accept it?

    The verdict is the verification funnel's (format, schema, replay, state, grounding): passing is decided by what
    happened in the world, not by a judge's reading. An empty answer is no answer, so an agent that does nothing passes
    nothing. Raises DataError if trajectory and task do not belong together.
    """
    if trajectory.task_key != task.key:
        raise DataError(f"the trajectory is of task {trajectory.task_key!r}, not {task.key!r}; pair them by task key")
    return verdict.accepted and bool(trajectory.answer.strip())
