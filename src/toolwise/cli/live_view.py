"""Shows a run that asks a language model: a live table on a terminal, log lines or JSON lines without one."""

from __future__ import annotations

import sys
import time
from types import TracebackType

import orjson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from toolwise.cli.progress import ProgressView
from toolwise.ports import Progress

LINE_EVERY_S = 10.0
EVENT_EVERY_S = 1.0


class LiveView:
    """An Observer for people or, with `as_json`, for programs. Use as a context manager.

    Everything goes to standard error: on a terminal a table that is kept up to date, otherwise a line every ten
    seconds; with `as_json` one JSON object a line, once a second.
    """

    def __init__(self, as_json: bool = False, console: Console | None = None) -> None:
        self._as_json = as_json
        self._console = console or Console(stderr=True, highlight=False)
        self._others = ProgressView()
        self._live: Live | None = None
        self._last = 0.0

    def __enter__(self) -> LiveView:
        if self._console.is_terminal and not self._as_json:
            self._live = Live(console=self._console, refresh_per_second=4, transient=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Progress) -> None:
        from toolwise.pipelines.events import SessionEvent

        if not isinstance(event, SessionEvent):
            self._others(event)
        elif self._live is not None:
            self._live.update(table(event))
        elif self._due(event):
            if self._as_json:
                sys.stderr.write(orjson.dumps(event.as_json()).decode() + "\n")
            else:
                self._console.print(in_a_line(event), markup=False, soft_wrap=True)

    def _due(self, event: Progress) -> bool:
        now = time.monotonic()
        every = EVENT_EVERY_S if self._as_json else LINE_EVERY_S
        self._last = self._last or now - (every if self._as_json else 0)
        if now - self._last < every and not getattr(event, "over", False):
            return False
        self._last = now
        return True


def table(event: Progress) -> RenderableType:
    """The live view of one event."""
    from toolwise.pipelines.events import SessionEvent

    assert isinstance(event, SessionEvent)  # noqa: S101 # the type is imported late, for a quick start
    funnel = event.funnel
    rows = Table.grid(padding=(0, 2))
    rows.add_row(event.stage, f"{event.done:,} of {event.total:,}", f"{event.rows_per_s:,.1f} rows/s", _left(event))
    rows.add_row("calls", f"{event.calls:,}", f"{event.calls_per_s:,.1f} calls/s", f"{event.in_flight:,} in flight")
    tokens = f"{event.prompt_tokens:,} + {event.completion_tokens:,}"
    rows.add_row("tokens", tokens, _cost(event), _budget(event))
    counts = "  ".join(f"{name} {funnel.get(name, 0):,}" for name in ("accepted", "rejected", "failed", "pending"))
    lines: list[RenderableType] = [rows, Text(counts)]
    lines += [Text(f"{each.status}: {each.key} ({each.reason})", style="dim") for each in event.rejects]
    return Group(*lines)


def in_a_line(event: Progress) -> str:
    """The same for a log."""
    from toolwise.pipelines.events import SessionEvent

    assert isinstance(event, SessionEvent)  # noqa: S101 # as above
    parts = [
        f"{event.stage}: {event.done:,}/{event.total:,}",
        f"{event.rows_per_s:,.1f} rows/s",
        f"{event.calls:,} calls",
        f"{event.calls_per_s:,.1f} calls/s",
        f"{event.in_flight:,} in flight",
        f"{event.prompt_tokens + event.completion_tokens:,} tokens",
        _cost(event),
        f"{event.funnel.get('rejected', 0):,} rejected",
        f"{event.funnel.get('failed', 0):,} failed",
        _left(event),
        _budget(event),
    ]
    return ", ".join(part for part in parts if part)


def _left(event: Progress) -> str:
    seconds = getattr(event, "seconds_left", None)
    if seconds is None:
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02} left"


def _cost(event: Progress) -> str:
    cost = getattr(event, "cost", None)
    return "price unknown" if cost is None else f"cost {cost:,.4f}"


def _budget(event: Progress) -> str:
    left = getattr(event, "budget_left", {})
    return ", ".join(f"{value:,.4g} {name} in the budget" for name, value in left.items())
