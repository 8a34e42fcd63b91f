"""Practice on real functions: drawn, executed, solved, and accepted only where a fresh process answers alike."""

from pathlib import Path

import pytest

from toolwise.corpus import read_rows, read_tasks, read_trajectories
from toolwise.errors import ConfigError
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.real_tools import Practice, practise
from toolwise.types import Outcome, Role, Verdict
from toolwise.worlds.python import PythonWorld

MODULE = '''
"""A library that lends books."""
import time
from typing import Literal, TypedDict

Title = Literal["Emma", "Dune", "Ulysses", "Beloved", "Middlemarch", "Nostromo"]
_lent: dict[str, str] = {}

class Book(TypedDict):
    shelf: str
    pages: int

class Loan(TypedDict):
    reader: str

class Tick(TypedDict):
    reading: int

def find_book(title: Title) -> Book:
    """Find a book in the library."""
    return {"shelf": f"shelf {len(title)}", "pages": 50 * len(title)}

def lend_book(title: Title, reader: str) -> Loan:
    """Lend a book to a reader."""
    _lent[title] = reader
    return {"reader": reader}

def get_clock(zone: Literal["east", "west", "north", "south"]) -> Tick:
    """Get the reading of the clock in a zone."""
    return {"reading": time.time_ns()}

def count_shelves(floor: Literal["first", "second", "third"]) -> Book:
    """Count the shelves of a floor."""
    return {"shelf": "all of them", "pages": len(floor)}

def ban_member(member: Literal["Ada", "Noor"]) -> Loan:
    """Ban a member."""
    raise RuntimeError("broken")

def __toolwise_state__():
    return _lent
'''


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    (folder / "library.py").write_text(MODULE)
    import_documents([str(folder / "library.py")], folder / "catalog", "auto")
    return folder / "catalog"


def test_only_what_a_fresh_process_answers_alike_is_accepted(catalog: Path, tmp_path: Path) -> None:
    practice = Practice(count=9, values={"library.lend_book.reader": ("Ada Moreau", "Noor Haddad", "Tom Reed")})
    done = practise(catalog, tmp_path, PythonWorld, practice)
    funnel = done["funnel"]
    assert funnel["in"] == funnel["accepted"] + funnel["rejected"] + funnel["failed"] + funnel["pending"]
    assert funnel["failed"] == 0
    tasks = {task.key: task for task in read_tasks(tmp_path / "tasks.jsonl")}
    verdicts = {verdict.key: verdict for verdict in read_rows(tmp_path / "verdicts.jsonl", Verdict)}
    clocks = [key for key, task in tasks.items() if "library.get_clock" in task.relevant]
    assert clocks
    # What the clock says decides whether the replay differs, the answer is ungrounded, or none is found at all.
    assert not any(verdicts[key].accepted for key in clocks)
    lent = [key for key, task in tasks.items() if task.relevant == ("library.lend_book",)]
    assert any(verdicts[key].accepted for key in lent)
    assert not any("library.ban_member" in task.relevant for task in tasks.values())
    for trajectory in read_trajectories(tmp_path / "trajectories.jsonl"):
        if tasks[trajectory.task_key].checks.outcome is Outcome.CALL:
            assert any(node.message.role is Role.TOOL for node in trajectory.nodes)
    assert (tmp_path / "corpus" / "sft" / "train.jsonl").stat().st_size > 0


def test_the_same_seed_draws_the_same_tasks(catalog: Path, tmp_path: Path) -> None:
    practice = Practice(count=2, leave_out=("library.get_clock",))
    for name in ("a", "b"):
        practise(catalog, tmp_path / name, PythonWorld, practice)
    for file in ("tasks.jsonl", "trajectories.jsonl", "verdicts.jsonl"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_glob_that_fits_nothing_is_a_mistake(catalog: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"library\.no_such"):
        practise(catalog, tmp_path, PythonWorld, Practice(values={"library.no_such.title": ("x",)}))
