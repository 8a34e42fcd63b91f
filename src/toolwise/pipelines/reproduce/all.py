"""`toolwise reproduce all`: every experiment one after the other, and one page with all findings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from toolwise.errors import ConfigError, ToolwiseError
from toolwise.files import read_json
from toolwise.pipelines.context import Context
from toolwise.pipelines.meter import Stopwatch
from toolwise.pipelines.mixing import Variant
from toolwise.pipelines.reproduce.diversity import diversity_experiment, reproduce_diversity
from toolwise.pipelines.reproduce.embedded import CATALOG_FOLDER, catalog_of
from toolwise.pipelines.reproduce.findings_page import REPORT_FILE, hardware, table, write_findings
from toolwise.pipelines.reproduce.generalisation import generalisation_experiment, reproduce_generalisation
from toolwise.pipelines.reproduce.metatasks import metatask_experiment, reproduce_metatasks
from toolwise.pipelines.reproduce.request import Request
from toolwise.pipelines.reproduce.retrieval import reproduce_retrieval, retrieval_experiment
from toolwise.pipelines.reproduce.search import reproduce_search, search_experiment
from toolwise.store import RunFolder
from toolwise.types import Json

NAME = "findings"


def _metatasks(quick: bool, request: Request) -> Json:
    config = metatask_experiment(quick)
    if quick:  # what the findings compare; the other two variants would take as long again
        config = config.model_copy(update={"variants": (Variant.SOLUTION_ONLY, Variant.MIXED)})
    # Planning worlds alone: models of a catalog would take as long again.
    return reproduce_metatasks(config, replace(request, catalog=None))


_REGISTRY: dict[str, Callable[[bool, Request], Json]] = {
    # First: its encoder serves the next two.
    "retrieval": lambda quick, request: reproduce_retrieval(retrieval_experiment(quick), request),
    "generalisation": lambda quick, request: reproduce_generalisation(generalisation_experiment(quick), request),
    "search": lambda quick, request: reproduce_search(search_experiment(quick), request),
    "diversity": lambda quick, request: reproduce_diversity(diversity_experiment(quick), request),
    "metatasks": _metatasks,
}
EXPERIMENTS = tuple(_REGISTRY)
"""Names, in the order in which they run."""
_NOT_TAKEN = {"retrieval": ("--run",), "diversity": ("--run",), "metatasks": ("--run", "--catalog")}
"""Options of the whole that an experiment's own command does not have."""


def reproduce_all(request: Request, *, quick: bool, only: Sequence[str] = ()) -> Json:
    """Run the experiments into folders of their own within the request's; one that fails does not stop the others.

    Writes `report.json` and `findings.md`, again after each experiment. The same command goes on where it was stopped:
    experiments that are finished answer from their rows. With a finished run its model acts and, without a catalog,
    its catalog is taken. Raises ConfigError, CatalogError, RunError.
    """
    unknown = next((name for name in only if name not in EXPERIMENTS), None)
    if unknown is not None:
        raise ConfigError(f"there is no experiment {unknown!r}; choose among {', '.join(EXPERIMENTS)}")
    out, run = request.out, request.run
    request = replace(request, catalog=request.catalog or (run / CATALOG_FOLDER if run else None))
    settings: Json = {
        "verb": "reproduce all",
        "quick": quick,
        "catalog": None if request.catalog is None else str(request.catalog.resolve()),
        "run": None if run is None else str(run.resolve()),
    }
    done: dict[str, Json] = {}
    failed: dict[str, str] = {}
    report: dict[str, Json] = {}
    with RunFolder(out, settings, resume=True) as folder:
        source = catalog_of(Context(folder, request.workers, request.observer), request.catalog)
        spent = _spent(out)
        for name in [name for name in EXPERIMENTS if not only or name in only]:
            watch = Stopwatch()
            own = replace(request, out=out / name, command=_own(request.command, name, out), catalog=source)
            try:
                document = _REGISTRY[name](quick, own)
            except ToolwiseError as error:
                failed[name] = str(error)
            except Exception as error:  # a defect in one experiment must not cost the others' hours
                failed[name] = f"{type(error).__name__}: {error}"
            else:
                done[name] = {"folder": name, "findings": document["findings"]}
                failed |= {f"{name}: {what}": why for what, why in document.get("failed", {}).items()}
            spent[name] = round(spent.get(name, 0.0) + watch.seconds, 1)
            report = _report(done, failed, spent, request.command)
            write_findings(out, NAME, report, _page(report), {})
    return report


def _spent(out: Path) -> dict[str, float]:
    """Seconds that the experiments took before this one was stopped."""
    return dict(read_json(out / REPORT_FILE)["seconds"]) if (out / REPORT_FILE).is_file() else {}


def _own(command: str, name: str, out: Path) -> str:
    """The command that repeats one of the experiments alone, from the command that runs all."""
    first, separator, rest = command.partition(" reproduce all")
    if not separator:
        return command
    for option in ("--only", *_NOT_TAKEN.get(name, ())):
        rest = re.sub(rf" {option}[ =]\S+", "", rest)
    return f"{first} reproduce {name}" + re.sub(r" --out[ =]\S+", lambda _: f" --out {out / name}", rest)


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
