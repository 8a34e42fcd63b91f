"""The trained model on disk: a folder that `transformers` loads and servers serve; whole or not there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from toolwise.errors import RunError, boundary
from toolwise.files import write_json
from toolwise.models.open_models import ADAPTER_CONFIG, ADAPTER_ORIGIN, COMPACT
from toolwise.training.llm.base import Base, origin

_LAST = ("config.json", ADAPTER_CONFIG)
"""A folder without them holds no model, so they come last."""


def save_trained(folder: Path, base: Base, model: Any, *, merge: bool, state: dict[str, Any] | None = None) -> None:
    """Write weights (or an adapter), tokenizer, chat template and stop tokens. Raises RunError.

    All is written aside and moved in file by file, what makes the folder a model last: an interrupted save leaves
    what was there before. `state` are gathered weights, where they are spread over processes.
    """
    aside = folder / ".saving"
    shutil.rmtree(aside, ignore_errors=True)
    with boundary(RunError, f"cannot write the model to {folder}; free some space or choose another --out"):
        aside.mkdir(parents=True)
        _write(aside, base, model, merge=merge, state=state)
        files = sorted(aside.iterdir(), key=lambda path: (path.name in _LAST, path.name))
        for path in files:
            _sync(path)
        for path in files:
            path.replace(folder / path.name)
        aside.rmdir()


def _write(folder: Path, base: Base, model: Any, *, merge: bool, state: dict[str, Any] | None) -> None:
    adapted = hasattr(model, "merge_and_unload")
    if adapted and merge:
        model = model.merge_and_unload()
    if adapted and not merge:
        model.save_pretrained(folder, **({"state_dict": state} if state is not None else {}))
        write_json(folder / ADAPTER_ORIGIN, origin(base))
        (folder / "README.md").unlink(missing_ok=True)  # our own card says more
    elif model.config.model_type == COMPACT:
        from toolwise.models.folder import save_model

        save_model(folder, model, base.tokenizer)  # type: ignore[arg-type]
        return
    else:
        model.config.use_cache = True
        model.generation_config.eos_token_id = list(base.form.stop_ids)
        model.generation_config.pad_token_id = base.tokenizer.pad_token_id
        model.save_pretrained(folder, **({"state_dict": state} if state is not None else {}))
    base.tokenizer.save_pretrained(folder)


def _sync(path: Path) -> None:
    if not path.is_file():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
