"""Workspaces: a fresh copy of a folder for each session, seen by models under one fixed path."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from toolwise.errors import ConfigError
from toolwise.types import Json

SEEN_AS = "/workspace"
"""The path that calls and observations hold, whatever folder a session's copy lies in: so they replay."""
VOLATILE = ("*.git/index", "*.git/logs/*", "*.git/hooks/*")
"""Files whose content depends on the moment, and that say nothing which other files do not say."""
MAX_FILES = 20_000
MAX_BYTES = 512 * 1024 * 1024
_NAME = SEEN_AS.removeprefix("/")
_SEEN = re.compile(rf"(?:(?<=file://)|(?<![\w.\-/])){re.escape(SEEN_AS)}(?![\w.\-])")


class Template:
    """The folder that every session starts from. It is never written to."""

    def __init__(self, folder: Path, volatile: Sequence[str] = VOLATILE) -> None:
        """Raises ConfigError for what is no folder, is too large, or has links that lead out of it."""
        self.folder = folder.resolve()
        self.volatile = tuple(volatile)
        if not self.folder.is_dir():
            raise ConfigError(f"{folder}: no such folder; name the folder that sessions start from a copy of")
        size = 0
        for files, path in enumerate(self.folder.rglob("*"), 1):
            if path.is_symlink() and not path.resolve().is_relative_to(self.folder):
                raise ConfigError(f"{path}: a link that leads out of the workspace; a copy of it would not be isolated")
            size += path.lstat().st_size
            if files > MAX_FILES or size > MAX_BYTES:
                raise ConfigError(
                    f"{folder}: more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB; every session copies it: "
                    "choose a smaller folder"
                )
        self.digest = digest_of(self.folder, self.volatile)

    def copy(self) -> Copy:
        """A fresh copy, in a folder of its own."""
        home = Path(tempfile.mkdtemp(prefix="toolwise-")).resolve()
        shutil.copytree(self.folder, home / _NAME, symlinks=True)
        return Copy(home, self.volatile)


class Copy:
    """One session's own folder."""

    def __init__(self, home: Path, volatile: Sequence[str] = VOLATILE) -> None:
        self._home = home
        self._volatile = tuple(volatile)
        self.folder = home / _NAME
        self.folder.mkdir(exist_ok=True)
        self._real = re.compile(rf"{re.escape(str(home))}(?![\w\-])")

    def state(self) -> dict[str, Json]:
        """What the session sees of its state: one digest of all files' names and contents."""
        return {"workspace": digest_of(self.folder, self._volatile)}

    def inward(self, value: Json) -> Json:
        """A call's arguments, with the path that models see made the real one."""
        return _mapped(value, _SEEN, str(self.folder))

    def outward(self, value: Json) -> Json:
        """An answer, with the real path made the one that models see."""
        return _mapped(value, self._real, "")

    def remove(self) -> None:
        shutil.rmtree(self._home, ignore_errors=True)


def empty_copy() -> Copy:
    """A folder of its own for a session without a template."""
    return Copy(Path(tempfile.mkdtemp(prefix="toolwise-")).resolve())


def _mapped(value: Json, pattern: re.Pattern[str], to: str) -> Json:
    if isinstance(value, str):
        return pattern.sub(lambda _: to, value)
    if isinstance(value, dict):
        return {_mapped(key, pattern, to): _mapped(part, pattern, to) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(part, pattern, to) for part in value]
    return value


def _entries(folder: Path) -> Iterator[tuple[str, Path]]:
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted([*files, *folders]):
            path = Path(parent) / name
            yield path.relative_to(folder).as_posix(), path


def digest_of(folder: Path, volatile: Sequence[str] = VOLATILE) -> str:
    """A digest of the names and contents under a folder; the folder's own path inside a file does not count."""
    digest = hashlib.blake2b(digest_size=16)
    own = str(folder).encode()
    for name, path in sorted(_entries(folder)):
        if any(fnmatch.fnmatch(name, pattern) for pattern in volatile):
            continue
        digest.update(name.encode(errors="surrogateescape") + b"\x00")
        try:
            if path.is_symlink():
                digest.update(b"l" + os.fsencode(os.readlink(path)).replace(own, SEEN_AS.encode()))  # noqa: PTH115
            elif path.is_dir():
                digest.update(b"d")
            else:
                content = path.read_bytes().replace(own, SEEN_AS.encode())
                digest.update(b"f" + hashlib.blake2b(content, digest_size=16).digest())
        except OSError:
            digest.update(b"?")
    return digest.hexdigest()
