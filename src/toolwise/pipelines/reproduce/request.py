"""What every experiment is told, whatever its own settings are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolwise.config import Config
from toolwise.ports import Observer, silent
from toolwise.types import Json


@dataclass(frozen=True)
class Request:
    """Where to write, and with what to work."""

    out: Path
    """The folder to write into; the same request goes on where it was stopped."""
    command: str = ""
    """What the user typed, for the page."""
    catalog: Path | None = None
    """Without it the embedded real documents are taken."""
    run: Path | None = None
    """A finished run whose model acts, for the experiments that need one; without it they train theirs."""
    workers: int = 0
    """Processes; 0 for one a core."""
    observer: Observer = silent

    def settings(self, verb: str, config: Config) -> dict[str, Json]:
        """What must be the same for a stopped experiment to go on."""
        catalog = None if self.catalog is None else str(self.catalog.resolve())
        return {"verb": verb, **config.model_dump(mode="json"), "catalog": catalog}
