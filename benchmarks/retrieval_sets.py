"""Sets of queries with known tools, read from public data that is installed or lies beside the checkout.

Sets to choose settings with: Seal-Tools dev (arXiv 2405.08355), the examples in botocore's service models, and those
files of the Berkeley Function-Calling Leaderboard that only its package `bfcl-eval` has. Sets that are only looked at
afterwards (`CHECK`): ToolAlpaca's simulated evaluation, ToolBench's samples, and BFCL's files beside the checkout.
What is not there is skipped. Nothing of this is ever trained on.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from toolwise.catalog import import_sources
from toolwise.retrieval.tokens import terms
from toolwise.text import phrase
from toolwise.types import Tool, Toolset

SEAL = "seal-tools-dev"
CHECK = ("toolalpaca", "toolbench", "bfcl-simple", "bfcl-parallel")
"""Sets that no setting was chosen with."""
_FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data"
_LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
_SEVERAL = ("multiple", "parallel_multiple")
_CODE = ("simple_java", "simple_javascript")
_WORD = re.compile(r"\w+")
_CALL = re.compile(r"(\w+)\(")
_VERB = re.compile(r"^to\s+", re.IGNORECASE)
_EXAMPLE = re.compile(
    r"^(?:in )?(?:this|the following)(?: \S+)? (?:example|command|request|operation)s?:?,?\s+", re.IGNORECASE
)
_FEWEST_WORDS = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A query and the ids of the tools that serve it."""

    query: str
    relevant: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Tools, and queries with what is right for them."""

    name: str
    toolsets: list[Toolset]
    questions: list[Question]


def smaller(one: Benchmark, queries: int, tools: int) -> Benchmark:
    """Some of the queries, drawn at random, and a pool of their tools and of others drawn at random."""
    rng = random.Random(one.name)
    questions = one.questions if len(one.questions) <= queries else rng.sample(one.questions, queries)
    kept = dict.fromkeys(tool for question in questions for tool in question.relevant)
    others = [tool.id for toolset in one.toolsets for tool in toolset.tools if tool.id not in kept]
    kept |= dict.fromkeys(rng.sample(others, max(0, min(len(others), tools - len(kept)))))
    toolsets = [
        toolset.model_copy(update={"tools": tuple(tool for tool in toolset.tools if tool.id in kept)})
        for toolset in one.toolsets
    ]
    return Benchmark(one.name, [toolset for toolset in toolsets if toolset.tools], questions)


def nameless(one: Benchmark) -> Benchmark:
    """The queries without the words of their tools' names: what a user says who does not know what tools are called."""
    own = {tool.id: set(terms(phrase(tool.name))) for toolset in one.toolsets for tool in toolset.tools}
    questions = []
    for question in one.questions:
        named = set().union(*(own[tool] for tool in question.relevant))
        query = _WORD.sub(lambda word: "" if named & set(terms(word.group())) else word.group(), question.query)  # noqa: B023
        query = " ".join(query.split())
        if len(terms(query)) >= _FEWEST_WORDS:
            questions.append(Question(query, question.relevant))
    return Benchmark(f"{one.name}, nameless", one.toolsets, questions)


def terse(one: Benchmark) -> Benchmark:
    """Tools of which little is said: a name and six words."""
    toolsets = [
        toolset.model_copy(
            update={
                "category": "",
                "collections": (),
                "tools": tuple(
                    Tool(id=tool.id, name=tool.name, description=" ".join(tool.description.split()[:6]), parameters={})
                    for tool in toolset.tools
                ),
            }
        )
        for toolset in one.toolsets
    ]
    return Benchmark(f"{one.name}, terse", toolsets, one.questions)


def benchmarks(folder: Path = _FOLDER) -> Iterator[Benchmark]:
    """Every set whose data is there, the ones to choose settings with first."""
    bfcl = _bfcl_package()
    if (folder / "seal_tools" / "dev.jsonl").is_file():
        yield _seal_tools(folder / "seal_tools")
    if bfcl is not None:
        yield _bfcl("bfcl-live", bfcl, _LIVE)
        yield _bfcl("bfcl-several", bfcl, _SEVERAL)
        yield _bfcl("bfcl-code", bfcl, _CODE)
        yield _bfcl_turns("bfcl-turns", bfcl)
    if find_spec("botocore") is not None:
        yield _aws_examples()
    if (folder / "toolalpaca" / "eval_simulated.json").is_file():
        yield _toolalpaca(folder / "toolalpaca" / "eval_simulated.json")
    if (folder / "toolbench" / "instruction").is_dir():
        yield _toolbench(sorted((folder / "toolbench" / "instruction").glob("G?_query.json")))
    if (folder / "bfcl").is_dir():
        yield _bfcl("bfcl-simple", folder / "bfcl", ("simple_python",))
        yield _bfcl("bfcl-parallel", folder / "bfcl", ("parallel",))


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _imported(path: Path) -> list[Toolset]:
    return [found for found in import_sources([str(path)]) if isinstance(found, Toolset)]


def _seal_tools(folder: Path) -> Benchmark:
    from retrieval import read_seal_tools

    toolsets, pairs = read_seal_tools(folder)
    return Benchmark(SEAL, toolsets, [Question(pair.query, pair.relevant) for pair in pairs])


def _bfcl_package() -> Path | None:
    found = find_spec("bfcl_eval")
    folder = Path(found.origin).parent / "data" if found and found.origin else None
    return folder if folder and folder.is_dir() else None


def _named(folder: Path, category: str) -> Path:
    return next(path for path in sorted(folder.glob(f"BFCL_v4_{category}.json*")))


def _answers(folder: Path, category: str) -> dict[str, Any]:
    within = folder / "possible_answer"
    path = within / f"BFCL_v4_{category}.json" if within.is_dir() else folder / f"possible_answer_{category}.jsonl"
    return {row["id"]: row["ground_truth"] for row in _lines(path)}


def _bfcl(name: str, folder: Path, categories: tuple[str, ...]) -> Benchmark:
    """The functions of all rows are the pool; of several with one name the first counts."""
    functions: dict[str, Any] = {}
    questions: dict[str, Question] = {}
    for category in categories:
        answers = _answers(folder, category)
        for row in _lines(_named(folder, category)):
            for function in row["function"]:
                functions.setdefault(function["name"], function)
            query = " ".join(message["content"] for message in row["question"][0] if message["role"] == "user")
            called = dict.fromkeys(f"bfcl.{called}" for call in answers[row["id"]] for called in call)
            questions.setdefault(query, Question(query, tuple(called)))
    return Benchmark(name, [_toolset("bfcl", functions)], list(questions.values()))


def _bfcl_turns(name: str, folder: Path) -> Benchmark:
    """Each turn of the conversations; the functions of all the classes are the pool."""
    toolsets = []
    home: dict[str, str] = {}
    for path in sorted((folder / "multi_turn_func_doc").glob("*.json")):
        if path.stem.startswith(("memory", "web_search")):
            continue
        functions = {function["name"]: function for function in _lines(path)}
        toolsets.append(_toolset(path.stem, functions))
        home |= {called: f"{path.stem}.{called}" for called in functions}
    answers = _answers(folder, "multi_turn_base")
    questions: dict[str, Question] = {}
    for row in _lines(_named(folder, "multi_turn_base")):
        for turn, calls in zip(row["question"], answers[row["id"]], strict=True):
            called = dict.fromkeys(home[found[1]] for call in calls if (found := _CALL.match(call)))
            query = " ".join(message["content"] for message in turn)
            if called and query.strip():
                questions.setdefault(query, Question(query, tuple(called)))
    return Benchmark(name, toolsets, list(questions.values()))


def _toolset(name: str, functions: dict[str, Any]) -> Toolset:
    return Toolset(
        name=name,
        tools=tuple(
            Tool(
                id=f"{name}.{called}",
                name=called,
                description=function["description"],
                parameters=_schema(function["parameters"]),
                returns=_schema(function["response"]) if isinstance(function.get("response"), dict) else None,
            )
            for called, function in functions.items()
        ),
    )


def _schema(node: Any) -> Any:
    """BFCL says `dict` for an object."""
    if isinstance(node, dict):
        return {k: "object" if k == "type" and v == "dict" else _schema(v) for k, v in node.items()}
    return [_schema(item) for item in node] if isinstance(node, list) else node


def _aws_examples() -> Benchmark:
    """Titles (or else descriptions) of the examples in the service models; all operations of those services."""
    from toolwise.catalog.sources import aws_documents

    toolsets: list[Toolset] = []
    questions: dict[str, dict[str, None]] = {}
    for located in aws_documents():
        beside = [path for path in sorted(located.path.parent.glob("examples-1.json*")) if path.is_file()]
        examples = _examples(beside[0]) if beside else {}
        if not examples:
            continue
        (toolset,) = _imported(located.path)
        toolsets.append(toolset)
        known = {tool.name for tool in toolset.tools}
        for operation, shown in examples.items():
            for example in shown if operation in known else ():
                if query := _example_query(example, operation):
                    questions.setdefault(query, {})[f"{toolset.name}.{operation}"] = None
    return Benchmark("aws-examples", toolsets, [Question(query, tuple(tools)) for query, tools in questions.items()])


def _examples(path: Path) -> dict[str, Any]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    found = json.loads(data).get("examples")
    return found if isinstance(found, dict) else {}


def _example_query(example: dict[str, Any], operation: str) -> str:
    """The title where it is a sentence of its own, else the description; empty where both say too little."""
    for text in (example.get("title") or "", example.get("description") or ""):
        query = _EXAMPLE.sub("", _VERB.sub("", " ".join(text.split()))).strip(" .:")
        if len(query.split()) >= _FEWEST_WORDS and re.sub(r"\W", "", query).casefold() != operation.casefold():
            return query
    return ""


def _toolalpaca(path: Path) -> Benchmark:
    toolsets = _imported(path)
    ids = {(_key(toolset.title), _key(tool.name)): tool.id for toolset in toolsets for tool in toolset.tools}
    questions = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        for query, calls in zip(row["Instructions"], row["Golden_Answers"], strict=True):
            found = (ids.get((_key(row["Name"]), _key(call["Action"]))) for call in calls)
            if relevant := tuple(dict.fromkeys(tool for tool in found if tool)):
                questions.append(Question(query, relevant))
    return Benchmark("toolalpaca", toolsets, questions)


def _toolbench(paths: list[Path]) -> Benchmark:
    toolsets: dict[str, Toolset] = {}
    questions = []
    for path in paths:
        ids: dict[tuple[str, str], str] = {}
        for toolset in _imported(path):
            toolsets.setdefault(toolset.name, toolset)
            ids |= {(_key(toolset.title), _key(tool.name)): tool.id for tool in toolset.tools}
        for row in json.loads(path.read_text(encoding="utf-8")):
            found = (ids.get((_key(provider), _key(api))) for provider, api in row["relevant APIs"])
            if relevant := tuple(dict.fromkeys(tool for tool in found if tool)):
                questions.append(Question(row["query"], relevant))
    known = {tool.id for toolset in toolsets.values() for tool in toolset.tools}
    return Benchmark(
        "toolbench",
        list(toolsets.values()),
        [question for question in questions if known.issuperset(question.relevant)],
    )


def _key(name: str) -> str:
    return re.sub(r"\W|_", "", name).casefold()
