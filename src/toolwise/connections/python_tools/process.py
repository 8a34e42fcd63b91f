"""In the parent: one child process for one module; every wait, every reply and all memory have a bound."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from toolwise.connections.environment import inherited_environment
from toolwise.errors import ToolwiseError
from toolwise.types import ToolErrorKind

_CHILD = "toolwise.connections.python_tools.child"
_OURS = ("PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_OUR_SOURCE = str(Path(__file__).resolve().parents[3])
"""Where the parent found Toolwise, in case that is not where a fresh interpreter looks."""
_POLL_SECONDS = 0.05
_LAST_WORDS = 4_000
_SPARE_BYTES = 4_096


class ChildFailure(ToolwiseError):  # noqa: N818 - the child's failure, not an error of the program
    """The child did not answer, in one line."""

    def __init__(self, kind: ToolErrorKind, detail: str) -> None:
        super().__init__(" ".join(detail.split())[:400])
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """Bounds of one child process."""

    start_seconds: float = 30.0
    """To import the module."""
    call_seconds: float = 10.0
    memory_bytes: int = 2 * 1024**3
    """Of address space; what a library maps counts too."""
    file_bytes: int = 64 * 1024**2
    """Of any one file that the child writes."""
    answer_bytes: int = 1 << 20


class PythonProcess:
    """A module in a process of its own. Its methods block, and may be called from one thread at a time."""

    def __init__(
        self,
        module: str,
        limits: ChildLimits | None = None,
        *,
        cwd: Path | None = None,
        import_from: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """`import_from`: a folder where dotted modules are looked for too; by default the present one.

        `environment`: variables beside the harmless ones that every child gets.
        """
        self._module = module
        self.limits = limits or ChildLimits()
        self._cwd = cwd
        self._import_from = str((import_from or Path()).resolve())
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._pipes: tuple[int, int] = (-1, -1)
        self._said = bytearray()
        self._lock = threading.Lock()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def last_words(self) -> str:
        """The end of what the child printed."""
        return bytes(self._said).decode(errors="replace").strip()

    def start(self) -> None:
        """Start the child and import the module, if that is not done. Raises ChildFailure."""
        if self.alive:
            return
        self.kill()
        to_child, ours = os.pipe()
        answers, from_child = os.pipe()
        arguments = (to_child, from_child, self.limits.memory_bytes, self.limits.file_bytes)
        kept = {name: os.environ[name] for name in _OURS if name in os.environ}
        environment = {**inherited_environment(os.environ), **kept, **self._environment, "PYTHONHASHSEED": "0"}
        ours_first = (_OUR_SOURCE, self._import_from, kept.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, ours_first))
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [sys.executable, "-P", "-m", _CHILD, *map(str, arguments), self._module],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                pass_fds=(to_child, from_child), cwd=self._cwd, env=environment, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            os.close(ours)
            os.close(answers)
            raise ChildFailure(ToolErrorKind.CONNECTION, f"cannot start Python: {error.strerror}") from error
        finally:
            os.close(to_child)
            os.close(from_child)
        os.set_blocking(answers, False)
        self._pipes = (ours, answers)
        self._said.clear()
        threading.Thread(target=_drain, args=(self._process, self._said), daemon=True).start()
        reply = self._receive(self.limits.start_seconds)
        if "error" in reply:
            error_types, message = reply["error"]["types"], reply["error"]["message"]
            self.kill()
            raise ChildFailure(ToolErrorKind.SERVER, f"importing it raised {error_types[0]}: {message}")

    def request(self, request: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """The child's reply. Raises ChildFailure; the child is ended then, and the next request starts another."""
        with self._lock:
            self.start()
            line = orjson.dumps({**request, "limit": self.limits.answer_bytes}) + b"\n"
            try:
                while line:
                    line = line[os.write(self._pipes[0], line) :]
            except OSError as error:
                raise self._ended() from error
            return self._receive(seconds or self.limits.call_seconds)

    def _receive(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        buffer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipes[1], selectors.EVENT_READ)
            while not buffer.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0:
                    self.kill()
                    raise ChildFailure(ToolErrorKind.TIMEOUT, f"no answer within {seconds:g} s")
                dead = not self.alive  # before the read, so that its last reply is not missed
                if selector.select(min(left, _POLL_SECONDS)):
                    chunk = os.read(self._pipes[1], 1 << 16)
                    if not chunk:
                        raise self._ended()
                    buffer += chunk
                elif dead:
                    raise self._ended()
                if len(buffer) > max(self.limits.answer_bytes, 1 << 20) + _SPARE_BYTES:
                    self.kill()
                    raise ChildFailure(ToolErrorKind.MALFORMED, "the process floods its replies")
        try:
            reply = orjson.loads(buffer)
        except orjson.JSONDecodeError as error:
            self.kill()
            raise ChildFailure(
                ToolErrorKind.MALFORMED, f"the process replied with what is not JSON: {error}"
            ) from error
        return reply if isinstance(reply, dict) else {}

    def _ended(self) -> ChildFailure:
        process = self._process
        code = None
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(timeout=1.0)
        self.kill()
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"status {code}"
        return ChildFailure(ToolErrorKind.CONNECTION, f"the process ended with {how}")

    def kill(self) -> None:
        """End the child and whatever it started. Safe to call at any time, from any thread."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5.0)
        for pipe in self._pipes:
            with suppress(OSError):
                os.close(pipe)
        self._pipes = (-1, -1)


def _drain(process: subprocess.Popen[bytes], said: bytearray) -> None:
    """Read what the child prints, so that it never waits for us; keep the end of it."""
    assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
    with suppress(OSError, ValueError):
        while chunk := os.read(process.stdout.fileno(), 1 << 16):
            said += chunk
            del said[:-_LAST_WORDS]
    with suppress(OSError):
        process.stdout.close()
