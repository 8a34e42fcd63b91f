"""ToolLLM's six settings: what of a held-out task is new to a model (arXiv 2307.16789, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from toolwise.types import Split, Task, TaskKind


class Setting(StrEnum):
    """How the tools were drawn (I1 to I3), and what is unseen."""

    I1_INST = "I1-Inst"
    """Tools of one toolset; new instructions, known toolsets."""
    I1_TOOL = "I1-Tool"
    """Tools of one toolset; new toolsets of known categories."""
    I1_CAT = "I1-Cat"
    """Tools of one toolset; new categories."""
    I2_INST = "I2-Inst"
    """Toolsets of one category; new instructions, known toolsets."""
    I2_CAT = "I2-Cat"
    """Toolsets of one category, which is new."""
    I3_INST = "I3-Inst"
    """Toolsets of one collection; new instructions, known toolsets."""


HOME: Mapping[Setting, tuple[Split, TaskKind]] = {
    Setting.I1_INST: (Split.SEEN_TOOLSET, TaskKind.SINGLE),
    Setting.I1_TOOL: (Split.UNSEEN_TOOLSET, TaskKind.SINGLE),
    Setting.I1_CAT: (Split.UNSEEN_CATEGORY, TaskKind.SINGLE),
    Setting.I2_INST: (Split.SEEN_TOOLSET, TaskKind.CATEGORY),
    Setting.I2_CAT: (Split.UNSEEN_CATEGORY, TaskKind.CATEGORY),
    Setting.I3_INST: (Split.SEEN_TOOLSET, TaskKind.COLLECTION),
}
_SETTING_OF = {home: setting for setting, home in HOME.items()}


def setting_of(task: Task) -> Setting | None:
    """Which of the six a task belongs to; none for training tasks, and for those that ToolLLM does not have."""
    return _SETTING_OF.get((task.provenance.split, task.kind))


def group_of(task: Task) -> str:
    """The setting's name, or split and kind where it is none of the six: the rows of a table."""
    setting = setting_of(task)
    return setting.value if setting else f"{task.provenance.split.value}/{task.kind.value}"
