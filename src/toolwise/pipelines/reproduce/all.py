"""`toolwise reproduce all`: every experiment one after the other, and one page with all findings."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwise.errors import ConfigError, ToolwiseError
from toolwise.files import read_json
from toolwise.pipelines.context import Context
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.reproduce.embedded import CATALOG_FOLDER, catalog_of
from toolwise.pipelines.reproduce.findings_page import REPORT_FILE, hardware, table, write_findings
from toolwise.ports import Observer, silent
from toolwise.store import RunFolder
from toolwise.types import Json

NAME = "findings"


@dataclass(frozen=True)
class Request:
    """What every experiment is told."""

    out: Path
    """A folder of its own."""
    quick: bool
    command: str
    catalog: Path
    run: Path | None
    """A finished run, whose model acts; without it the experiments that need one train theirs."""
    workers: int
    observer: Observer


def _metatasks(request: Request) -> Json:
    from toolwise.pipelines.reproduce.metatasks import metatask_experiment, reproduce_metatasks

    config = metatask_experiment(request.quick, (), None, None)
    return reproduce_metatasks(
        config, request.out, command=request.command, workers=request.workers, observer=request.observer
    )


def _by_convention(name: str, *, with_run: bool = False) -> Callable[[Request], Json]:
    """An experiment whose module has `NAME_experiment(quick)` and `reproduce_NAME(config, out, …)`.

    `with_run`: it takes a finished run, too.
    """

    def run(request: Request) -> Json:
        module = importlib.import_module(_module(name))
        perform = getattr(module, f"reproduce_{name}", None)
        if perform is None:
            raise ConfigError(f"this version cannot run the experiment {name!r}; choose others with --only")
        config = getattr(module, f"{name}_experiment")(request.quick)
        acting: dict[str, Path | None] = {"run": request.run} if with_run else {}
        document: Json = perform(
            config,
            request.out,
            command=request.command,
            catalog=request.catalog,
            workers=request.workers,
            observer=request.observer,
            **acting,
        )
        return document

    return run


def _module(name: str) -> str:
    return f"toolwise.pipelines.reproduce.{name}"


_REGISTRY: dict[str, Callable[[Request], Json]] = {
    "retrieval": _by_convention("retrieval"),  # first: its encoder serves the next two
    "generalisation": _by_convention("generalisation", with_run=True),
    "search": _by_convention("search", with_run=True),
    "diversity": _by_convention("diversity"),
    "metatasks": _metatasks,
}
EXPERIMENTS = tuple(name for name in _REGISTRY if importlib.util.find_spec(_module(name)))
"""Names, in the order in which they run."""


def reproduce_all(  # noqa: PLR0913 - a verb takes what its command takes
    out: Path,
    *,
    quick: bool,
    command: str,
    only: Sequence[str] = (),
    catalog: Path | None = None,
    run: Path | None = None,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """Run the experiments into folders of their own within `out`; one that fails does not stop the others.

    Writes `report.json` and `findings.md`, again after each experiment. The same command goes on where it was stopped:
    experiments that are finished answer from their rows. With a finished `run` its model acts and, without a
    `catalog`, its catalog is taken. Raises ConfigError, CatalogError, RunError.
    """
    unknown = next((name for name in only if name not in EXPERIMENTS), None)
    if unknown is not None:
        raise ConfigError(f"there is no experiment {unknown!r}; choose among {', '.join(EXPERIMENTS)}")
    settings: Json = {"verb": "reproduce all", "quick": quick}
    catalog = catalog or (run / CATALOG_FOLDER if run else None)
    settings["catalog"] = None if catalog is None else str(catalog.resolve())
    settings["run"] = None if run is None else str(run.resolve())
    done: dict[str, Json] = {}
    failed: dict[str, str] = {}
    report: dict[str, Json] = {}
    with RunFolder(out, settings, resume=True) as folder:
        source = catalog_of(Context(folder, workers, observer), catalog)
        spent = _spent(out)
        for name in [name for name in EXPERIMENTS if not only or name in only]:
            watch = Stopwatch()
            request = Request(out / name, quick, _own(command, name, out), source, run, workers, observer)
            try:
                document = _REGISTRY[name](request)
            except ToolwiseError as error:
                failed[name] = str(error)
            except Exception as error:  # a defect in one experiment must not cost the others' hours
                failed[name] = f"{type(error).__name__}: {error}"
            else:
                done[name] = {"folder": name, "findings": document["findings"]}
                failed |= {f"{name}: {what}": why for what, why in document.get("failed", {}).items()}
            spent[name] = round(spent.get(name, 0.0) + watch.seconds, 1)
            report = _report(done, failed, spent, command)
            write_findings(out, NAME, report, _page(report), {})
    return report


def _spent(out: Path) -> dict[str, float]:
    """Seconds that the experiments took before this one was stopped."""
    return dict(read_json(out / REPORT_FILE)["seconds"]) if (out / REPORT_FILE).is_file() else {}


def _own(command: str, name: str, out: Path) -> str:
    """The command that repeats one of the experiments alone, from the command that runs all."""
    first, separator, rest = command.partition(" reproduce all")
    return f"{first} reproduce {name}{rest} (within {out})" if separator else command


def _report(done: dict[str, Json], failed: dict[str, str], spent: dict[str, float], command: str) -> dict[str, Json]:
    return {
        "command": command,
        "findings": [{"experiment": name, **finding} for name, of in done.items() for finding in of["findings"]],
        "experiments": {
            name: {"folder": of["folder"], "seconds": spent[name], "findings": len(of["findings"])}
            for name, of in done.items()
        },
        "seconds": spent,
        "failed": failed,
        "hardware": hardware(),
    }


def _page(report: Json) -> str:
    minutes = {name: seconds / 60 for name, seconds in report["seconds"].items()}
    lines = [
        "# Published findings, measured here",
        "",
        f"`{report['command']}`",
        "",
        f"{sum(minutes.values()):.0f} minutes on {report['hardware']['processors']} cores "
        f"({report['hardware']['system']} {report['hardware']['machine']}): "
        f"{', '.join(f'{name} {spent:.1f}' for name, spent in minutes.items())}.",
        "",
    ]
    lines += table(
        ["experiment", "claim", "claimed there", "measured here", "verdict"],
        [
            [f"[{f['experiment']}]({f['experiment']}/{f['experiment']}.md)"]
            + [str(f[key]) for key in ("claim", "claimed", "measured", "verdict")]
            for f in report["findings"]
        ],
    )
    if report["failed"]:
        lines += ["## Failed", "", *(f"- {name}: {why}" for name, why in report["failed"].items()), ""]
    return "\n".join(lines)
