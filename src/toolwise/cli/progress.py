"""Shows progress on standard error: a bar on a terminal, a line now and then without one."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from toolwise.ports import Progress

LINE_EVERY_S = 10.0


class ProgressView:
    """An Observer for people. Use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_line: dict[str, float] = {}
        if sys.stderr.isatty():
            self._bars = Bars(
                TextColumn("{task.description:<12}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[note]}"),
                console=self._console,
            )

    def __enter__(self) -> ProgressView:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars:
            self._bars.stop()

    def __call__(self, event: Progress) -> None:
        if self._bars:
            self._show_bar(self._bars, event)
        else:
            self._log_line(event)

    def _show_bar(self, bars: Bars, event: Progress) -> None:
        if event.stage not in self._tasks:
            self._tasks[event.stage] = bars.add_task(event.stage, total=event.total, note="")
        bars.update(self._tasks[event.stage], completed=event.done, total=event.total or None, note=event.note)

    def _log_line(self, event: Progress) -> None:
        now = time.monotonic()
        complete = event.total > 0 and event.done >= event.total
        if not complete and now - self._last_line.setdefault(event.stage, now) < LINE_EVERY_S:
            return
        self._last_line[event.stage] = now
        note = f"  {event.note}" if event.note else ""
        count = f"{event.done}/{event.total}" if event.total else f"{event.done}"
        self._console.print(f"{event.stage}: {count}{note}", markup=False, soft_wrap=True)
