"""A rehearsal teacher in a process of its own, and tasks for it: what tests of long runs share."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from small_documents import write_documents

CLI = [sys.executable, "-m", "toolwise"]


def toolwise(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *map(str, arguments)]
    found = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=found)


def make_tasks(folder: Path, count: int) -> Path:
    """A catalog, and so many tasks over it; the tasks' folder."""
    made = toolwise("catalog", "import", write_documents(folder / "documents"), "--out", folder / "C")
    assert made.returncode == 0, made.stderr
    made = toolwise("tasks", folder / "C", "--count", count, "--held-out", 1, "--workers", 1, "--out", folder / "T")
    assert made.returncode == 0, made.stderr
    return folder / "T"


class Rehearsal:
    """A `toolwise serve teacher` process."""

    def __init__(self, *options: object) -> None:
        command = [*CLI, "serve", "teacher", "--port", "0", "--json", *map(str, options)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["address"]

    @property
    def stats(self) -> Any:
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/stats", timeout=10) as response:  # noqa: S310
            return json.load(response)

    def solve(self, tasks: Path, out: Path, *options: object) -> list[str]:
        """The command that solves the tasks with this teacher."""
        where = ("--policy", "llm", "--base-url", self.url, "--model", "embedded", "--out", out, "--json")
        return [*CLI, "solve", *map(str, (tasks, *where, *options))]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
