"""What every stage of a run needs: the open folder, the workers, and who watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolwise.memory import give_memory_back
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.parallel import default_workers
from toolwise.ports import Observer, silent
from toolwise.store import RunFolder
from toolwise.types import Json


@dataclass(frozen=True)
class Context:
    """An open run with its surroundings."""

    run: RunFolder
    workers: int = 0
    """Processes for CPU-bound stages; 0 for one a core."""
    observer: Observer = silent

    @property
    def processes(self) -> int:
        return self.workers or default_workers()

    def path(self, *parts: str) -> Path:
        """A place inside the run folder."""
        return self.run.path.joinpath(*parts)

    def stage(self, name: str, perform: Callable[[], Json]) -> Json:
        """Perform a stage once: a finished one answers with its recorded summary."""
        finished = self.run.finished(name)
        if finished is not None:
            return finished[1]
        watch = Stopwatch()
        summary = perform()
        give_memory_back()  # the next stage may want all cores' memory
        self.run.finish(name, watch.seconds, summary)
        return summary
