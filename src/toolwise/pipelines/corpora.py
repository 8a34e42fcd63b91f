"""`corpus` over several runs: verified folders, folders of trajectories (verified first), or their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from toolwise.corpus.formats import CorpusFormat
from toolwise.errors import ConfigError, DataError
from toolwise.files import read_json
from toolwise.pipelines.corpus import CorpusSource, merge_corpora
from toolwise.pipelines.verbs import INPUTS_FILE, verify_folder
from toolwise.ports import Observer, silent
from toolwise.types import Funnel, Json, Split

VERIFIED_SUFFIX = "-verified"
"""`toolwise verify R` writes here unless told otherwise."""
_ROWS = ("tasks", "trajectories", "verdicts")


def corpus_of(
    inputs: Sequence[Path], out: Path, to: str | None = None, *, workers: int = 0, observer: Observer = silent
) -> Json:
    """One corpus of all `inputs`, in our own files and in the formats `to` (names with commas between them).

    An input that is not verified yet is verified first, beside itself. Raises ConfigError, DataError, RunError.
    """
    formats = None if to is None else parse_formats(to)
    folders = [_verified(path, workers, observer) for path in dict.fromkeys(inputs)]
    sources = [_source(folder) for folder in folders]
    document = dict(merge_corpora(out, sources, formats))
    return {**document, "inputs": [str(folder) for folder in folders]}


def parse_formats(names: str) -> list[CorpusFormat]:
    """The formats of a list with commas, each once, in their own order. Raises ConfigError."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = {to.value for to in CorpusFormat}
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise ConfigError(
            f"unknown format {', '.join(unknown) or names!r} in --to; choose from {', '.join(CorpusFormat)}"
        )
    return [to for to in CorpusFormat if to.value in wanted]


def _verified(path: Path, workers: int, observer: Observer) -> Path:
    """The folder with an input's verdicts."""
    folder = path if path.is_dir() else path.parent
    if not path.exists() or not (folder / INPUTS_FILE).exists():
        raise DataError(
            f"{path} holds no trajectories of a run; give a folder that `toolwise solve`, `verify` or "
            "`trajectories import` wrote"
        )
    inputs = _read(folder)
    if "verdicts" in inputs:
        return folder
    if "trajectories" not in inputs:
        raise DataError(f"{path} holds no trajectories; solve its tasks first: toolwise solve {folder} --out …")
    beside = folder.resolve().with_name(f"{folder.resolve().name}{VERIFIED_SUFFIX}")
    known = _read(beside) if (beside / INPUTS_FILE).exists() else {}
    if "verdicts" not in known:
        verify_folder(folder, beside, resume=beside.exists(), workers=workers, observer=observer)
    elif known.get("trajectories") != inputs["trajectories"]:
        raise DataError(f"{beside} verifies another run; verify {folder} elsewhere (--out) and give that folder")
    return beside


def _source(folder: Path) -> CorpusSource:
    inputs = _read(folder)
    rows = {name: Path(inputs[name]) for name in _ROWS}
    funnel = Funnel.model_validate(inputs["verified"])
    judged, solved = _lines(rows["verdicts"]), _lines(rows["trajectories"])
    if judged < solved and judged + funnel.failed < solved:
        raise DataError(
            f"{folder} has verdicts of {judged:,} trajectories, but there are {solved:,} by now; "
            "verify them again into a new folder (toolwise verify … --out)"
        )
    split_of = {name: Split(split) for name, split in inputs["split"].items()}
    return CorpusSource(rows, Path(inputs["catalog"]), split_of, funnel)


def _read(folder: Path) -> Mapping[str, Json]:
    return dict(read_json(folder / INPUTS_FILE))


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; was the run moved or removed?") from error
