"""`solve` with a language model as one step: a run folder of its own, resumed at will, estimated beforehand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import orjson
import yaml

from toolwise.catalog import CatalogFile, open_catalog
from toolwise.config import parse_config
from toolwise.corpus import read_tasks
from toolwise.errors import ConfigError, DataError
from toolwise.files import read_json, write_json
from toolwise.llm.endpoint import EndpointConfig
from toolwise.llm.pricing import estimated_tokens, usage_of
from toolwise.llm.scripted import ScriptedModel
from toolwise.llm.solver import ChatPolicy
from toolwise.llm.wire import asked
from toolwise.pipelines.budget import Budget
from toolwise.pipelines.context import Context
from toolwise.pipelines.engine import SOLVE, ClusterConfig, EngineFunction, solve_here, solve_with_model
from toolwise.pipelines.settings import parse_strategy
from toolwise.pipelines.teacher import ChatSettings, Teacher
from toolwise.pipelines.verbs import INPUTS_FILE, world_of
from toolwise.pipelines.worlds import WorldConfig, settings_of
from toolwise.ports import Observer, Turn, silent
from toolwise.search import SearchConfig
from toolwise.store import RunFolder
from toolwise.types import Json, Message, Role, Task

_SAMPLE = 200
"""Tasks whose first requests are built for an estimate."""
_UNKNOWN_CALLS = 4
"""Steps to expect of a task without a blueprint."""
_STEP_CHARACTERS = 600
"""What one step adds to the next request: a thought, a call and what it returned."""
_ANSWER_TOKENS = 80
"""What a model writes in one step, on average."""


def endpoints_from(
    file: Path | None,
    base_urls: Sequence[str],
    models: Sequence[str],
    prices: tuple[float | None, float | None],
    **settings: Json,
) -> tuple[EndpointConfig, ...]:
    """The endpoints of a YAML file, or those of the flags: one model for all addresses, or one for each.

    `settings` are EndpointConfig's further fields, for all endpoints of the flags. Raises ConfigError.
    """
    if file is not None:
        return _endpoints_of(file)
    if not base_urls or not models:
        raise ConfigError("a language model needs --base-url and --model (or --endpoints with a file)")
    if len(models) not in (1, len(base_urls)):
        raise ConfigError(f"{len(base_urls)} --base-url need one --model or as many, not {len(models)}")
    if (prices[0] is None) != (prices[1] is None):
        raise ConfigError("give both --price-in and --price-out, or neither")
    names = list(models) * len(base_urls) if len(models) == 1 else list(models)
    price = {} if prices[0] is None else {"prompt": prices[0], "completion": prices[1]}
    return tuple(
        parse_config(
            EndpointConfig,
            {"base_url": url, "model": name, "prices": {name: price} if price else {}, **settings},
            "the endpoint",
        )
        for url, name in zip(base_urls, names, strict=False)
    )


def teacher_from(
    endpoints: tuple[EndpointConfig, ...], *, chat: Mapping[str, Json], budget: Mapping[str, Json]
) -> Teacher:
    """Raises ConfigError."""
    limits = parse_config(Budget, budget, "the budget")
    if limits.max_cost is not None and any(endpoint.price is None for endpoint in endpoints):
        raise ConfigError("--max-cost needs the model's price: give --price-in and --price-out")
    return Teacher(endpoints, parse_config(ChatSettings, chat, "the model's settings"), limits)


def _endpoints_of(file: Path) -> tuple[EndpointConfig, ...]:
    try:
        listed = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}; give a YAML list of endpoints") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} is not YAML ({str(error).splitlines()[0]}); see docs/llm-teacher.md") from error
    if not isinstance(listed, list) or not listed or not all(isinstance(entry, dict) for entry in listed):
        raise ConfigError(
            f"{file} must hold a list of endpoints, each with base_url and model; see docs/llm-teacher.md"
        )
    return tuple(parse_config(EndpointConfig, entry, f"{file}, endpoint {i}") for i, entry in enumerate(listed, 1))


def solve_folder_with_model(  # noqa: PLR0913 - a verb takes what its command takes
    tasks: Path,
    out: Path,
    strategy: str,
    teacher: Teacher,
    *,
    world: WorldConfig | None = None,
    seed: int = 0,
    resume: bool = False,
    cluster: ClusterConfig | None = None,
    observer: Observer = silent,
) -> Json:
    """Solve the tasks of a folder with a language model, here or by workers on a Ray cluster.

    Raises UserError; see `solve_with_model` for the rest.
    """
    inputs = _inputs(tasks)
    search = SearchConfig(strategy=parse_strategy(strategy), seed=seed)
    teacher = replace(teacher, world=world or world_of(inputs))
    settings = {
        "verb": "solve",
        "policy": "llm",
        "tasks": inputs["tasks"],
        "search": search.model_dump(mode="json"),
        **teacher.identity,
    }
    with RunFolder(out, settings, resume=resume) as folder:
        context = Context(folder, 1, observer)
        if (finished := folder.finished(SOLVE)) is not None:
            return finished[1]
        catalog, source = Path(inputs["catalog"]), Path(inputs["tasks"])
        summary = solve_with_model(context, catalog, source, search, teacher, _engine(cluster))
        found = {"trajectories": str(context.path("trajectories.jsonl").resolve()), "failed": summary["failed"]}
        write_json(context.path(INPUTS_FILE), {**inputs, **settings_of(teacher.world), **found})
        if not summary["pending"]:
            folder.finish(SOLVE, summary["session"]["seconds"], summary)
    return summary


def _engine(cluster: ClusterConfig | None) -> EngineFunction:
    if cluster is None:
        return solve_here
    from toolwise.pipelines.ray_engine import solve_on_ray

    return partial(solve_on_ray, cluster=cluster)


def estimate(tasks: Path, strategy: str, teacher: Teacher, *, seed: int = 0) -> Json:
    """What solving the tasks of a folder may need: expected from the blueprints, at most from the search's budget.

    Tokens are guessed from characters (rather too many); the cost is none where the price is unknown.
    """
    inputs = _inputs(tasks)
    search = SearchConfig(strategy=parse_strategy(strategy), seed=seed)
    catalog = open_catalog(Path(inputs["catalog"]))
    count = sum(1 for _ in read_tasks(Path(inputs["tasks"])))
    sample = list(islice(read_tasks(Path(inputs["tasks"])), _SAMPLE))
    if not sample:
        raise DataError(f"{tasks} holds no tasks; make some with `toolwise tasks`")
    first = [_first_request(task, catalog, teacher) for task in sample]
    steps = [_expected_steps(task, search) for task in sample]
    price = teacher.endpoints[0].price
    scale = count / len(sample)

    def total(calls_of: list[int]) -> Json:
        prompt = sum(
            calls * estimated_tokens(size + _STEP_CHARACTERS * (calls - 1) // 2)
            for calls, size in zip(calls_of, first, strict=True)
        )
        calls = sum(calls_of)
        used = usage_of(price, int(prompt * scale), int(calls * _ANSWER_TOKENS * scale), calls=int(calls * scale))
        cost = None if used.cost is None else round(used.cost, 4)
        return {
            "calls": used.calls,
            "prompt_tokens": used.prompt_tokens,
            "completion_tokens": used.completion_tokens,
            "cost": cost,
        }

    return {
        "tasks": count,
        "model": teacher.endpoints[0].model,
        "expected": total(steps),
        "at_most": total([search.budget] * len(sample)),
    }


def _expected_steps(task: Task, search: SearchConfig) -> int:
    steps = len(task.blueprint.calls) + 1 if task.blueprint is not None else _UNKNOWN_CALLS
    return min(steps, search.budget)


def _first_request(task: Task, catalog: CatalogFile, teacher: Teacher) -> int:
    """Characters of a task's first request; 0 where a candidate is not in the catalog."""
    policy = ChatPolicy(ScriptedModel([]), max_tokens=teacher.chat.max_tokens_per_call)
    try:
        tools = tuple(catalog.tool(tool_id) for tool_id in task.candidates)
    except KeyError:
        return 0
    path = (Message(role=Role.USER, content=task.instruction),)
    return len(orjson.dumps(asked(policy.request(Turn(task, tools, path)))))


def _inputs(folder: Path) -> dict[str, Json]:
    problem = f"{folder} holds no tasks; give the folder that `toolwise tasks` wrote"
    if not (folder / INPUTS_FILE).exists():
        raise DataError(problem)
    inputs = dict(read_json(folder / INPUTS_FILE))
    if "tasks" not in inputs:
        raise DataError(problem)
    return inputs
