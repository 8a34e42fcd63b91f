"""Options that `train sft`, `train dpo` and `train grpo` share: written once, read once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from toolwise.cli.options import AsJson, Resume, Seed
from toolwise.cli.output import emit
from toolwise.errors import ConfigError
from toolwise.types import Json

CorpusPath = Annotated[Path, typer.Option("--corpus", help="A corpus made by `toolwise corpus`, or a run folder.")]
SCRATCH = "scratch"
_LORA = ("rank", "alpha", "targets", "rslora", "merge")


def _shared(
    lora: Annotated[bool, typer.Option("--lora", help="Train adapters (LoRA) instead of all weights.")] = False,
    rank: Annotated[int | None, typer.Option("--rank", min=1, help="LoRA: rank (16).")] = None,
    alpha: Annotated[float | None, typer.Option("--alpha", min=0, help="LoRA: scale (twice the rank).")] = None,
    targets: Annotated[
        str | None, typer.Option("--targets", help="LoRA: modules, by comma (every linear layer).")
    ] = None,
    rslora: Annotated[bool, typer.Option("--rslora", help="LoRA: rank-stabilised scale.")] = False,
    merge: Annotated[bool, typer.Option("--merge", help="LoRA: save the merged model instead of an adapter.")] = False,
    max_steps: Annotated[int | None, typer.Option("--max-steps", min=1, help="Updates.")] = None,
    lr: Annotated[float | None, typer.Option("--lr", help="Peak learning rate; by default what the method needs.")] = (
        None
    ),
    batch: Annotated[int | None, typer.Option("--batch", min=1, help="Sequences a process and forward pass.")] = None,
    accumulate: Annotated[int | None, typer.Option("--accumulate", min=1, help="Forward passes an update (1).")] = None,
    evaluations: Annotated[
        int | None, typer.Option("--evaluations", min=1, help="How often the development split is scored (5).")
    ] = None,
    max_length: Annotated[int | None, typer.Option("--max-length", min=16, help="Longest sequence (2048).")] = None,
    bf16: Annotated[bool | None, typer.Option("--bf16/--no-bf16", help="Mixed precision (where a GPU has it).")] = None,
    checkpointing: Annotated[
        bool, typer.Option("--checkpointing", help="Compute activations twice to save memory.")
    ] = False,
    chat_template: Annotated[
        str | None, typer.Option("--chat-template", help="own (default), or hermes to give the base ours.")
    ] = None,
    gguf: Annotated[
        str | None,
        typer.Option("--gguf", help="Also a GGUF file of this type (q8_0, f16, …), by llama.cpp's converter."),
    ] = None,
    seed: Seed = 0,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """The options; never called."""


def training_command(function: Callable[..., Any]) -> Callable[..., None]:
    """A command with the shared options beside its own: the function gets `given`, the settings that were given.

    It also gets `seed` and `resume`, and returns the document to show.
    """
    own = inspect.signature(function, eval_str=True).parameters
    shared = inspect.signature(_shared, eval_str=True).parameters
    handed = {"given", "seed", "resume"}
    parameters = [one.replace(kind=one.KEYWORD_ONLY) for one in own.values() if one.name not in handed]
    parameters += [one.replace(kind=one.KEYWORD_ONLY) for one in shared.values()]

    @wraps(function)
    def command(**values: Any) -> None:
        mine = {name: values[name] for name in own if name in values and name not in handed}
        rest = {name: values[name] for name in shared if name not in {*handed, "as_json", "gguf"}}
        given = {**present(rest, but=("lora", *_LORA)), **present({"lora": _lora(rest)})}
        extra = {name: values[name] for name in handed - {"given"} if name in own}
        convert = _converter(values)
        document = function(**mine, **extra, given=given)
        _show({**document, **convert()}, values["as_json"])

    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    del command.__wrapped__  # or its signature would be taken
    return command


def present(values: Mapping[str, Any], but: tuple[str, ...] = ()) -> dict[str, Any]:
    """What was given: neither nothing nor a flag left out, by the names that configurations use."""
    named = {("learning_rate" if name == "lr" else name): value for name, value in values.items() if name not in but}
    return {name: value for name, value in named.items() if not (value is None or (value is False and name != "bf16"))}


def refuse(given: Mapping[str, Any], instead: str) -> None:
    """Raises ConfigError for options that do not go with the base."""
    if given:
        name = sorted(given)[0].replace("_", "-").replace("learning-rate", "lr")
        raise ConfigError(f"--{name} does not go with this --base; {instead}")


def _lora(values: Mapping[str, Any]) -> Json:
    targets = values["targets"]
    names = [name.strip() for name in targets.split(",") if name.strip()] if targets else None
    given = present({name: names if name == "targets" else values[name] for name in _LORA})
    if given and not values["lora"]:
        raise ConfigError(f"--{sorted(given)[0]} is of --lora; add that, or leave it out")
    return given if values["lora"] else None


def _converter(values: Mapping[str, Any]) -> Callable[[], Json]:
    """What is done after training for a GGUF file; what that needs is looked for before. Raises ConfigError."""
    kind: str | None = values["gguf"]
    if kind is None:
        return dict
    from toolwise.pipelines import train_llm

    ready = train_llm.gguf_converter(kind, values["base"], adapter=values["lora"] and not values["merge"])
    return lambda: {"gguf": train_llm.write_gguf(values["out"], ready)}


def _show(document: Json, as_json: bool) -> None:
    from toolwise.pipelines.train_llm import is_first_process

    if is_first_process():
        emit(document, as_json, _rendered)


def _rendered(document: Json) -> str:
    kept = document.get("kept")
    told = f"; {kept['says']}" if kept else ""
    return f"model: {document['model']} ({document['steps']:,} steps){told}"
