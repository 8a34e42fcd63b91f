"""`corpus --metatasks`: a corpus whose training conversations are mixed with meta-tasks, at an unchanged cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from toolwise.catalog import open_catalog
from toolwise.corpus import read_rows, read_sft, write_rows
from toolwise.errors import ConfigError, DataError
from toolwise.files import read_json, write_json
from toolwise.metatasks import MetaTaskConfig, metatask_conversation
from toolwise.pipelines.assemble import goal_subject, require_training
from toolwise.pipelines.corpora import corpus_of
from toolwise.pipelines.metatasks import EXAMPLES_FILE, MANIFEST_FILE, MetaTaskSource, write_metatasks
from toolwise.pipelines.mixing import Counted, Variant, checked_ratio, mix
from toolwise.pipelines.reproduce.material import ToolTable
from toolwise.pipelines.verbs import INPUTS_FILE
from toolwise.ports import Observer, Tools, silent
from toolwise.training.settings import CompactTrainingConfig
from toolwise.types import Json, MetaTaskExample, SFTExample, Split
from toolwise.worlds.planning import SIZES, is_exact_world

MIXTURE_FILE = "mixture.json"
FIRST_FILE = "first.jsonl"
TOKENIZER_FOLDER = "tokenizer"
_TOKENS_AN_EXAMPLE = 150
"""A meta-task is rarely shorter: so many are made that the share is surely reached."""
_QUESTION = 1200
"""Most characters of a question: with tools and answer, three of four such conversations fit a compact model's context.
Of those with longer questions about a real catalog, one in ten did."""
_FEWEST, _MOST = 60, 20_000
_TOKENIZER_EXAMPLES = 6000


@dataclass(frozen=True)
class MixtureSource:
    """What to mix into a corpus."""

    ratio: float
    """Meta-tasks' share of the training tokens."""
    examples: Path | None = None
    """A folder of `toolwise metatasks`; by default they are made from the corpus's own catalog."""
    variant: Variant = Variant.MIXED
    seed: int = 0


def mixed_corpus_of(
    inputs: Sequence[Path],
    out: Path,
    to: str | None,
    source: MixtureSource | None,
    *,
    workers: int = 0,
    observer: Observer = silent,
) -> Json:
    """As `corpus_of`; with a source, `sft/train.jsonl` then holds a mixture of as many tokens as before.

    Raises ConfigError for a ratio outside [0, 1], MissingExtraError without a tokenizer's library, DataError.
    """
    if source is None:
        _remove_mixture(out)
        return corpus_of(inputs, out, to, workers=workers, observer=observer)
    checked_ratio(source.ratio)
    if to is not None:
        raise ConfigError("--to and --metatasks do not go together: other formats hold no meta-tasks; run it twice")
    require_training("counting tokens")
    _remove_mixture(out)
    document = corpus_of(inputs, out, workers=workers, observer=observer)
    inputs_of = [read_json(Path(folder) / INPUTS_FILE) for folder in document["inputs"]]
    trained = {name for made in inputs_of for name, split in made["split"].items() if split == Split.TRAIN.value}
    return {**document, "mixture": _mix_into(out, source, Path(inputs_of[0]["catalog"]), trained, observer)}


def _remove_mixture(folder: Path) -> None:
    (folder / MIXTURE_FILE).unlink(missing_ok=True)
    (folder / "sft" / FIRST_FILE).unlink(missing_ok=True)
    rmtree(folder / TOKENIZER_FOLDER, ignore_errors=True)


def _mix_into(folder: Path, source: MixtureSource, catalog: Path, trained: set[str], observer: Observer) -> Json:
    from toolwise.corpus.parquet import write_parquet
    from toolwise.training.batching import count_tokens
    from toolwise.training.sft import corpus_tokenizer

    path = folder / "sft" / f"{Split.TRAIN.value}.jsonl"
    if not path.exists():
        raise DataError(f"{folder} holds no training conversations to mix with; were any trajectories accepted?")
    solved = list(read_sft(path))
    size = sum(len(str(example.messages)) + len(str(example.tools)) for example in solved) // 3
    asked, left_out = _metatasks(folder, source, catalog, trained, size, observer)
    settings = CompactTrainingConfig()
    texts = [*solved[:_TOKENIZER_EXAMPLES], *asked[:_TOKENIZER_EXAMPLES]]
    tokenizer = corpus_tokenizer(texts, settings.vocabulary)
    pools = [
        [
            Counted(example, tokens)
            for example, tokens in zip(examples, count_tokens(examples, tokenizer), strict=True)
            if tokens <= settings.longest
        ]
        for examples in (solved, asked)
    ]
    budget = sum(counted.tokens for counted in pools[0])
    made = mix(pools[0], pools[1], source.variant, source.ratio, budget, source.seed)
    tokenizer.save_pretrained(folder / TOKENIZER_FOLDER)
    write_rows(path, made.train)
    write_parquet(path, path.with_suffix(".parquet"), SFTExample)
    if made.first:
        write_rows(folder / "sft" / FIRST_FILE, made.first)
    summary = {
        **made.summary(),
        "too_long": len(solved) + len(asked) - len(pools[0]) - len(pools[1]),
        "metatasks_left_out": left_out,
        "seed": source.seed,
    }
    write_json(folder / MIXTURE_FILE, summary)
    return summary


def _metatasks(
    folder: Path, source: MixtureSource, catalog: Path, trained: set[str], tokens: int, observer: Observer
) -> tuple[list[SFTExample], int]:
    """The meta-tasks of training tools as conversations, and how many are of others."""
    examples = source.examples
    if source.variant is Variant.SOLUTION_ONLY and examples is None:
        return [], 0
    if examples is None:
        examples = folder / "metatasks"
        wanted = tokens if source.variant is Variant.META_ONLY else round(tokens * source.ratio)
        count = min(_MOST, max(_FEWEST, wanted // _TOKENS_AN_EXAMPLE))
        made = MetaTaskConfig(seed=source.seed, max_question=_QUESTION)
        write_metatasks(MetaTaskSource(str(catalog)), examples, count, made, observer)
    if not (examples / MANIFEST_FILE).is_file():
        raise DataError(f"{examples} holds no meta-task examples; make them with `toolwise metatasks`")
    made_of = str(read_json(examples / MANIFEST_FILE).get("source"))
    exact = is_exact_world(made_of)
    tools: Tools
    if exact:
        tools = ToolTable([goal_subject(made_of, SIZES[made_of.partition("_")[0]])])
    else:
        tools = open_catalog(Path(made_of))
    kept: list[SFTExample] = []
    left_out = 0
    for example in read_rows(examples / EXAMPLES_FILE, MetaTaskExample):
        toolsets = {tool.partition(".")[0] for tool in example.tools}
        if example.split is Split.TRAIN and (exact or toolsets <= trained):
            kept.append(metatask_conversation(example, tools))
        else:
            left_out += 1
    return kept, left_out
