"""A `toolwise serve teacher` process on loopback, and the command line beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from toolwise.cli.app import app

CLI = [sys.executable, "-m", "toolwise"]


def toolwise(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [*CLI, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def document(*arguments: object) -> Any:
    """A command's JSON document, made in this process, which saves a start; it must succeed."""
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@contextmanager
def rehearsal(*options: object) -> Iterator[str]:
    """A running server's base URL."""
    command = [*CLI, "serve", "teacher", "--port", "0", "--json", *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["address"]
    finally:
        process.terminate()
        process.wait(10)


def answered(url: str) -> int:
    """How many calls the server has answered."""
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats", timeout=10) as response:  # noqa: S310
        return int(json.load(response)["answered"])


def lines(path: Path) -> list[Any]:
    """The rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def adds_up(funnel: Any) -> bool:
    """Is every row accounted for, and every dropped one with its reason?"""
    outcomes = sum(funnel[name] for name in ("accepted", "rejected", "failed", "pending"))
    return bool(funnel["in"] == outcomes and sum(funnel["reasons"].values()) == funnel["rejected"] + funnel["failed"])
