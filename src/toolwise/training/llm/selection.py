"""Keeping the weights under which most development tasks are passed, those of the start among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from transformers import TrainerCallback
from trl.models.utils import disable_gradient_checkpointing

from toolwise.files import read_json, write_json
from toolwise.ports import Observer, Progress
from toolwise.training.llm import engine
from toolwise.training.llm.data import STAGE
from toolwise.types import Json

if TYPE_CHECKING:
    from transformers import Trainer, TrainerControl, TrainerState, TrainingArguments

Watched = tuple[int, Observer]
"""Evaluations without gain before the end (0 for never), and who is told."""
_FOLDER = "best"
_SCORES = "scores.json"
_WEIGHTS = "weights-{step}.safetensors"


class Exam(Protocol):
    """Development tasks, attempted with a model as it is: as it would be used, and the same way each time."""

    @property
    def tasks(self) -> int:
        """How many are attempted."""
        ...

    def passed(self, model: Any, tokenizer: Any) -> int:
        """How many are passed. Raises WorldError."""
        ...


class KeepBest(TrainerCallback):
    """Attempts the tasks before training and at each evaluation, and keeps the weights that pass most; of equals, the
    earliest.

    Scores and weights lie beside the checkpoints, so that a training that goes on measures nothing twice.
    """

    def __init__(self, exam: Exam, trainer: Trainer, tokenizer: Any, out: Path, watched: Watched) -> None:
        self._exam, self._trainer, self._tokenizer = exam, trainer, tokenizer
        self._patience, self._observer = watched
        self._every = max(1, int(trainer.args.save_steps))
        self._folder = out / engine.CHECKPOINTS / _FOLDER
        self._passed: dict[int, int] = {}
        if (self._folder / _SCORES).exists():
            self._passed = {int(step): passed for step, passed in read_json(self._folder / _SCORES).items()}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any
    ) -> None:
        """The start; only a training that goes on has measured it."""
        if 0 not in self._passed:
            self._measure(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **unused: Any) -> None:
        """Measure at each evaluation and at the end; end early where nothing was gained for a while."""
        if state.global_step % self._every and state.global_step < state.max_steps:
            return
        if state.global_step not in self._passed:
            self._measure(state)
        later = [step for step in self._passed if self.best < step <= state.global_step]
        control.should_training_stop |= bool(self._patience) and len(later) >= self._patience

    @property
    def best(self) -> int:
        """The step whose weights are kept."""
        return max(self._passed, key=lambda step: (self._passed[step], -step))

    def restore(self) -> Json:
        """Put the kept weights into the trainer's model; returns what the summary says of them."""
        from safetensors.torch import load_file

        weights = load_file(self._folder / _WEIGHTS.format(step=self.best))
        with torch.no_grad():
            for name, parameter in _trained(self._model()).items():
                parameter.copy_(weights[name])
        return {
            "tasks": self._exam.tasks,
            "passed": {str(step): passed for step, passed in sorted(self._passed.items())},
            "kept_step": self.best,
            "says": self._says(),
        }

    def _says(self) -> str:
        start, best, of = self._passed[0], self._passed[self.best], f"{self._exam.tasks} development tasks"
        if self.best == 0:
            others = [passed for step, passed in self._passed.items() if step]
            return f"kept the start: it passes {start} of {of}, no later checkpoint more than {max(others, default=0)}"
        return f"kept step {self.best}: it passes {best} of {of}, the start {start}"

    def _model(self) -> Any:
        return self._trainer.accelerator.unwrap_model(self._trainer.model)

    def _measure(self, state: TrainerState) -> None:
        passed = _told(self._attempted() if engine.is_main() else 0)
        step = state.global_step
        before = self.best if self._passed else None
        self._passed[step] = passed
        note = f"{passed} of {self._exam.tasks} development tasks passed"
        self._observer(Progress(STAGE, step, state.max_steps, note))
        if not engine.is_main():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if self.best != before:
            self._save(step)
        write_json(self._folder / _SCORES, {str(one): count for one, count in self._passed.items()})
        if before is not None and self.best != before:
            (self._folder / _WEIGHTS.format(step=before)).unlink(missing_ok=True)

    def _attempted(self) -> int:
        model = self._model()
        training, checkpointing = model.training, getattr(self._trainer.args, "gradient_checkpointing_kwargs", None)
        model.eval()
        with torch.no_grad(), disable_gradient_checkpointing(model, cast("dict[str, Any] | None", checkpointing)):
            passed = self._exam.passed(model, self._tokenizer)
        model.train(training)
        return passed

    def _save(self, step: int) -> None:
        from safetensors.torch import save_file

        path = self._folder / _WEIGHTS.format(step=step)
        weights = {name: one.detach().cpu().contiguous() for name, one in _trained(self._model()).items()}
        save_file(weights, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)


def _trained(model: Any) -> dict[str, torch.nn.Parameter]:
    """What training changes; weights that are tied come once."""
    return {name: one for name, one in model.named_parameters() if one.requires_grad}


def _told(passed: int) -> int:
    """What the first process counted, to all."""
    if not torch.distributed.is_available() or not torch.distributed.is_initialized():
        return passed
    box = [passed]
    torch.distributed.broadcast_object_list(box, src=0)
    return box[0]


def kept(keeper: KeepBest | None, *, by_loss: bool = False) -> Json:
    """What the summary says of the weights that were kept, which are in the trainer's model after this."""
    if keeper is not None:
        return keeper.restore()
    if by_loss:
        return {"says": "kept the checkpoint with the least loss on development pairs; no task was attempted"}
    return {"says": "kept the last checkpoint; there were no development tasks to attempt"}


def keep_best(exam: Exam | None, trainer: Trainer, tokenizer: Any, out: Path, watched: Watched) -> KeepBest | None:
    """The callback, added to the trainer; none without tasks, or where FSDP spreads the weights over processes."""
    if exam is None or getattr(trainer, "is_fsdp_enabled", False):
        return None
    keeper = KeepBest(exam, trainer, tokenizer, out, watched)
    trainer.add_callback(keeper)
    return keeper
