"""An evaluation that is killed in its middle goes on, and ends as one that nobody killed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path

from typer.testing import CliRunner

from rehearsal import CLI
from small_documents import write_documents
from toolwise.cli.app import app
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.evaluate_settings import make_settings
from toolwise.types import Json

FINISHED = 4
"""So many parts before the kill."""


def finished(out: Path) -> tuple[int, int]:
    """Parts that are finished, and all parts."""
    if not (out / "run.sqlite").exists():
        return 0, 0
    connection = sqlite3.connect(f"file:{out / 'run.sqlite'}?mode=ro", uri=True, timeout=10)
    try:
        counts = dict(connection.execute("SELECT status, count(*) FROM rows WHERE stage = 'evaluate' GROUP BY status"))
    except sqlite3.OperationalError:  # not begun
        return 0, 0
    finally:
        connection.close()
    return counts.get("done", 0), sum(counts.values())


def kill_after(command: list[str], out: Path, wanted: int) -> None:
    """Kill the command, not its workers, as soon as so many parts are finished."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while finished(out)[0] < wanted:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.kill()
    process.wait()
    done, parts = finished(out)
    assert wanted <= done < parts


def answered(*arguments: object) -> Json:
    result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_killed_evaluation_goes_on_and_ends_the_same(tmp_path: Path) -> None:
    import_documents((str(write_documents(tmp_path / "documents")),), tmp_path / "C", "auto")
    make_settings(tmp_path / "C", tmp_path / "S", 4, workers=1)
    options = ["--policy", "blueprint", "--policy", "random", "--strategy", "react", "--strategy", "dfsdt",
               "--candidates", "given", "--candidates", "retrieved:3", "--refused", "0", "--refused", "0.2",
               "--repeats", "2", "--temperature", "1", "--seed", "3"]  # fmt: skip
    common = ["evaluate", "run", "--tasks", tmp_path / "S", *options]
    whole = answered(*common, "--out", tmp_path / "whole", "--workers", 1)

    out = tmp_path / "killed"
    command = [*CLI, *map(str, [*common, "--out", out, "--workers", 2, "--resume"])]
    kill_after(command, out, FINISHED)
    resumed = answered(*common, "--out", out, "--workers", 1, "--resume")

    cells = sorted(path.name for path in (tmp_path / "whole" / "cells").iterdir())
    assert cells == sorted(path.name for path in (out / "cells").iterdir()) and len(cells) > 8
    asked = [json.loads(line)["key"] for line in (out / "tasks.jsonl").read_bytes().splitlines()]
    for cell in cells:
        for name in ("predictions.jsonl", "trajectories.jsonl"):
            assert (out / "cells" / cell / name).read_bytes() == (
                tmp_path / "whole" / "cells" / cell / name
            ).read_bytes()
        rows = [json.loads(line) for line in (out / "cells" / cell / "predictions.jsonl").read_bytes().splitlines()]
        assert Counter((row["id"], row["repeat"]) for row in rows) == Counter((k, r) for k in asked for r in (0, 1))
    assert whole["scores"] == resumed["scores"] and whole["predictions"] == resumed["predictions"]
    assert resumed["predictions"]["missing"] == 0
