"""The run folder: one configuration, one journal, one writer; to resume is to run again."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
import yaml

from toolwise import __version__
from toolwise.errors import RunError
from toolwise.files import write_atomic
from toolwise.store.database import Database
from toolwise.store.journal import Journal
from toolwise.store.rows import Rows
from toolwise.types import Json, content_key

CONFIG_FILE = "run.yaml"
JOURNAL_FILE = "run.sqlite"
LOCK_FILE = ".lock"
_LOCK_ATTEMPTS = 4
_LOCK_WAIT_S = 0.02


class RunFolder:
    """An open run. Use as a context manager; the folder is locked while it is open."""

    def __init__(self, path: Path, config: Mapping[str, Json], *, resume: bool) -> None:
        """Create the run, or reopen it.

        Raises RunError if the folder holds something else, another run without `resume`, a run under
        another configuration, or a run that another process has open.
        """
        self.path = path
        _check_folder(path, config, resume)
        self._lock = _lock(path)
        if not (path / CONFIG_FILE).exists():
            _write_config(path, config)
        try:
            self._database = Database(path / JOURNAL_FILE)
            self.journal = Journal(self._database)
        except RunError:
            self._lock.close()
            raise

    def rows(self, stage: str) -> Rows:
        return Rows(self._database, stage)

    def finished(self, stage: str) -> tuple[float, Json] | None:
        """A finished stage's seconds and summary; none if it has not finished."""
        found = self._database.rows("SELECT seconds, summary FROM stages WHERE name = ?", stage)
        return (float(found[0][0]), orjson.loads(found[0][1])) if found else None

    def finish(self, stage: str, seconds: float, summary: Json) -> None:
        """Record that a stage is complete, so that a resumed run skips it."""
        self._database.write(
            "INSERT OR REPLACE INTO stages VALUES (?, ?, ?)",
            (stage, seconds, orjson.dumps(summary, option=orjson.OPT_NON_STR_KEYS)),
        )

    def note(self, name: str, value: Json) -> None:
        """Keep a small fact about the run under a name, in place of the one before; written as records are."""
        self._database.write("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, orjson.dumps(value)))

    def noted(self, name: str) -> Json:
        """The fact kept under a name; null where there is none."""
        found = self._database.rows("SELECT value FROM notes WHERE name = ?", name)
        return orjson.loads(found[0][0]) if found else None

    @contextmanager
    def grouped(self) -> Iterator[Callable[[], None]]:
        """Within the block, records go to disk together, whenever the given function is called and at the end.

        A kill loses what was recorded since the last call. The function raises RunError where the disk is full; what
        it could not write waits for the next call.
        """

        def commit() -> None:
            self._database.commit()
            self.journal.committed()

        with self._database.grouped():
            yield commit
        self.journal.committed()

    def close(self) -> None:
        self._database.close()
        self._lock.close()

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _check_folder(path: Path, config: Mapping[str, Json], resume: bool) -> None:
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file; choose a folder with --out")
    if not path.exists() or not any(path.iterdir()):
        return
    if not (path / CONFIG_FILE).exists():
        if {item.name for item in path.iterdir()} <= {LOCK_FILE, f".{CONFIG_FILE}.partial"}:
            return  # killed before the configuration was written
        raise RunError(f"{path} is not empty and holds no run; choose another folder with --out")
    if not resume:
        raise RunError(f"{path} already holds a run; add --resume to go on with it, or choose another --out")
    changed = _changed_keys(read_config(path), dict(config))
    if changed:
        raise RunError(
            f"{path} was started with other settings ({', '.join(changed[:5])}); "
            "resume it with the same ones, or choose another --out"
        )


def read_config(path: Path) -> dict[str, Any]:
    """The configuration that a run was started with. Raises RunError."""
    try:
        stored = yaml.safe_load((path / CONFIG_FILE).read_text(encoding="utf-8"))
        return dict(stored["config"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path / CONFIG_FILE} cannot be read ({type(error).__name__}); choose another --out") from error


def _write_config(path: Path, config: Mapping[str, Json]) -> None:
    document = {"toolwise": __version__, "fingerprint": content_key(dict(config)), "config": dict(config)}
    with write_atomic(path / CONFIG_FILE) as file:
        file.write(yaml.safe_dump(document, sort_keys=False).encode())


def _changed_keys(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    changed: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changed += _changed_keys(before, after, f"{prefix}{key}.")
        elif before != after:
            changed.append(f"{prefix}{key}: {before!r} -> {after!r}")
    return changed


def _lock(path: Path) -> IO[str]:
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / LOCK_FILE).open("w")
    except OSError as error:
        raise RunError(f"cannot write to {path}: {error.strerror}; choose another --out") from error
    for attempt in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError as error:
            if attempt + 1 == _LOCK_ATTEMPTS:
                lock.close()
                remedy = "wait for it (see `toolwise status`), or choose another --out"
                raise RunError(f"another process is running in {path}; {remedy}") from error
            time.sleep(_LOCK_WAIT_S)  # it may be no more than a look at whether the folder is held
    raise AssertionError
