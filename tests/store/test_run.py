import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from toolwise.errors import RunError
from toolwise.store import Row, RowStatus, RunFolder
from toolwise.store.journal import EffectKind

CONFIG = {"seed": 1, "search": {"width": 2}}


def test_a_fresh_run_writes_its_configuration(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", CONFIG, resume=False):
        assert "width: 2" in (tmp_path / "run" / "run.yaml").read_text()


def test_a_second_run_without_resume_is_refused(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG, resume=False).close()
    with pytest.raises(RunError, match="--resume"):
        RunFolder(tmp_path, CONFIG, resume=False)


def test_resume_under_other_settings_names_them(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG, resume=False).close()
    with pytest.raises(RunError, match=r"search\.width: 2 -> 3"):
        RunFolder(tmp_path, {"seed": 1, "search": {"width": 3}}, resume=True)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(RunError, match="holds no run"):
        RunFolder(tmp_path, CONFIG, resume=True)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_two_processes_cannot_hold_one_run(tmp_path: Path) -> None:
    with RunFolder(tmp_path, CONFIG, resume=False), pytest.raises(RunError, match="another process"):
        RunFolder(tmp_path, CONFIG, resume=True)


def test_a_damaged_journal_is_one_clear_error(tmp_path: Path) -> None:
    RunFolder(tmp_path, CONFIG, resume=False).close()
    for name in ("run.sqlite-wal", "run.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "run.sqlite").write_bytes(b"no database at all" * 300)
    with pytest.raises(RunError, match="damaged"):
        RunFolder(tmp_path, CONFIG, resume=True)


def test_rows_keep_their_order_and_add_up(tmp_path: Path) -> None:
    with RunFolder(tmp_path, CONFIG, resume=False) as run:
        rows = run.rows("tasks")
        rows.add(["a", "b", "c"])
        rows.finish(Row("c", RowStatus.DONE, [1]))
        rows.finish(Row("a", RowStatus.REJECTED, reason="leak"))
        rows.add(["a", "b", "c", "d"])
        assert [row.key for row in rows] == ["a", "b", "c", "d"]
        assert rows.pending() == ["b", "d"]
        funnel = rows.funnel()
        assert (funnel.entered, funnel.accepted, funnel.rejected, funnel.pending) == (4, 1, 1, 2)
        assert funnel.reasons == {"leak": 1}
        with pytest.raises(KeyError):
            rows.finish(Row("nobody", RowStatus.DONE))


def test_an_effect_happens_once(tmp_path: Path) -> None:
    happened: list[int] = []

    async def perform() -> int:
        happened.append(1)
        return 42

    for resume in (False, True):
        with RunFolder(tmp_path, CONFIG, resume=resume) as run:
            for _ in range(2):
                assert asyncio.run(run.journal.effect(EffectKind.MODEL, {"b": 1, "a": 2}, perform)) == 42
    assert len(happened) == 1


def test_what_was_finished_survives_sigkill(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from toolwise.store import Row, RowStatus, RunFolder
        run = RunFolder(Path(sys.argv[1]), {"seed": 1}, resume=False)
        rows = run.rows("s")
        rows.add(["a", "b"])
        rows.finish(Row("a", RowStatus.DONE, {"x": 1}))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    with RunFolder(tmp_path / "run", {"seed": 1}, resume=True) as run:
        rows = list(run.rows("s"))
    assert [(row.key, row.status, row.value) for row in rows] == [("a", "done", {"x": 1}), ("b", "pending", None)]
