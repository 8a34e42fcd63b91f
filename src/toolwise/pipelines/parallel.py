"""CPU-bound stages on a process pool: shards in, rows out, one writer."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import TypeVar

from toolwise.errors import RunError, ToolwiseError
from toolwise.ports import Observer, Progress
from toolwise.store import Row, Rows, RowStatus
from toolwise.types import Json

JobT = TypeVar("JobT")

MAX_WORKERS = 8
"""More processes than this gain little on shards of our size and cost memory."""


def default_workers() -> int:
    """One process a core that this process may use, at most MAX_WORKERS."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MAX_WORKERS, available)


def run_shards(
    rows: Rows,
    jobs: Mapping[str, JobT],
    function: Callable[[JobT], Json],
    *,
    stage: str,
    workers: int,
    observer: Observer,
) -> None:
    """Run `function` on every pending job and finish its row with the result.

    `function` must be importable and its result JSON. A job that raises a ToolwiseError fails its own row and
    no other. Results are recorded as they arrive; their order in `rows` is the order of `jobs`. Raises
    RunError if a worker process dies.
    """
    rows.add(jobs)
    pending = rows.pending()
    done = len(jobs) - len(pending)
    observer(Progress(stage, done, len(jobs)))
    if workers <= 1 or len(pending) <= 1:
        for key in pending:
            rows.finish(_attempt(key, lambda key=key: function(jobs[key])))  # type: ignore[misc]
            done += 1
            observer(Progress(stage, done, len(jobs)))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(pending)), mp_context=context, initializer=_die_with_parent) as pool:
        futures: dict[Future[Json], str] = {pool.submit(function, jobs[key]): key for key in pending}
        try:
            while futures:
                finished, _ = wait(futures, return_when=FIRST_COMPLETED)
                for future in finished:
                    rows.finish(_attempt(futures.pop(future), future.result))
                    done += 1
                    observer(Progress(stage, done, len(jobs)))
        except BrokenProcessPool as error:
            raise RunError(
                f"{stage}: a worker process died (out of memory?); run again with --resume and fewer --workers"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run_all_shards(
    rows: Rows,
    jobs: Mapping[str, JobT],
    function: Callable[[JobT], Json],
    *,
    stage: str,
    workers: int,
    observer: Observer,
) -> dict[str, Json]:
    """The same where all results are needed: they are returned by key. Raises RunError if a job failed."""
    run_shards(rows, jobs, function, stage=stage, workers=workers, observer=observer)
    failed = [row for row in rows if row.status is RowStatus.FAILED]
    if failed:
        raise RunError(f"{stage}: {failed[0].key} failed: {failed[0].value['error']}")
    return {row.key: row.value for row in rows}


def _attempt(key: str, perform: Callable[[], Json]) -> Row:
    try:
        return Row(key, RowStatus.DONE, perform())
    except ToolwiseError as error:
        return Row(key, RowStatus.FAILED, {"error": str(error)}, reason=type(error).__name__)


def _die_with_parent() -> None:
    """Without this, workers of a killed run would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait_for([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
