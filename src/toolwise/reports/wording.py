"""How names and numbers are written for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping

from toolwise.text import phrase
from toolwise.types import Metric

MISSING = "–"

SPLITS: Mapping[str, tuple[str, str]] = {
    "train": ("Training", "what the model learns from"),
    "dev": ("Development", "other tasks of training toolsets, for choosing checkpoints"),
    "seen_toolset": ("Seen toolsets", "new tasks on toolsets it trained on"),
    "unseen_toolset": ("Unseen toolsets", "new toolsets of categories it trained on"),
    "unseen_category": ("Unseen categories", "new toolsets of new categories"),
}
SETTINGS = ("I1-Inst", "I1-Tool", "I1-Cat", "I2-Inst", "I2-Cat", "I3-Inst")
"""ToolLLM's test settings, in its order."""
METRICS: Mapping[str, tuple[str, str]] = {
    "exact_call": ("Exact call", "The tool, the argument names and every value are right."),
    "valid_call": ("Valid call", "The call parses, names a tool on offer and fits that tool’s schema."),
    "pass_react": ("Pass, ReAct", "The whole task is solved in one straight attempt."),
    "pass_dfsdt": ("Pass, DFSDT", "The whole task is solved by a search that may back up and try again."),
    "ndcg@1": ("nDCG@1", "How often the first tool found is a right one."),
    "ndcg@5": ("nDCG@5", "How high the right tools stand among the first five."),
    "recall@5": ("Recall@5", "The share of right tools that are among the first five."),
}
AGENTS: Mapping[str, str] = {
    "model": "Trained model",
    "null": "Does nothing",
    "nearest_tool": "Nearest tool",
    "untrained": "Untrained model",
    "bm25": "BM25",
    "dense": "Dense bi-encoder",
    "fusion": "Fusion of both",
}
AGENT_NOTES: Mapping[str, str] = {
    "null": "calls nothing and says nothing of use",
    "nearest_tool": "picks the tool whose words are nearest to the request’s and copies what looks like a value",
    "untrained": "the same network and the same constrained decoding, before training",
    "bm25": "matches words, stemmed and weighted by rarity",
    "dense": "a small network that places requests and tools in one space",
    "fusion": "the ranks of both, combined",
}
STRATEGIES: Mapping[str, str] = {"react": "ReAct", "dfsdt": "DFSDT"}
EXAMPLES: Mapping[str, str] = {
    "sft": "conversations (SFT)",
    "preference": "preference pairs",
    "retrieval": "retrieval pairs",
}
ENDS: Mapping[str, str] = {
    "answered": "answered",
    "gave_up": "gave up",
    "step_limit": "step limit reached",
    "budget": "budget of model calls spent",
    "policy_error": "the policy failed",
    "unparsable": "output could not be parsed",
}


def plain(name: str) -> str:
    """`unseen_toolset` -> `Unseen toolset`; text that is no identifier stays as it is."""
    words = name if " " in name else phrase(name)
    return words[:1].upper() + words[1:] if words else name


def split_label(name: str) -> str:
    """A split as a heading."""
    if name in SETTINGS:
        return name
    return SPLITS[name][0] if name in SPLITS else plain(name)


def metric_label(name: str) -> str:
    """A metric as a heading."""
    return METRICS[name][0] if name in METRICS else (name if "@" in name else plain(name))


def agent_label(name: str) -> str:
    """An agent or retriever as the legend shows it."""
    return AGENTS.get(name) or plain(name)


def strategy_label(name: str) -> str:
    """`react@3` -> `ReAct@3`."""
    base, at, times = name.partition("@")
    return STRATEGIES.get(base, plain(base)) + at + times


def count(number: float) -> str:
    """`12345` -> `12,345`."""
    return f"{number:,.0f}" if math.isfinite(number) else MISSING


def compact(number: float) -> str:
    """`1234567` -> `1.2M`, for axes."""
    for size, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g}{suffix}"
    return f"{number:.3g}"


def percent(fraction: float) -> str:
    """One decimal; a value that is not quite 0 or 1 never reads as if it were."""
    if not math.isfinite(fraction):
        return MISSING
    if 0 < fraction < 0.0005:
        return "<0.1%"
    if 0.9995 <= fraction < 1:
        return ">99.9%"
    return f"{100 * fraction:.1f}%"


def plural(number: int, singular: str, several: str = "") -> str:
    """`3 calls`, `1 call`."""
    return f"{count(number)} {singular if number == 1 else several or singular + 's'}"


def measured(metric: Metric) -> bool:
    """Was there anything to measure?"""
    return metric.n > 0 and math.isfinite(metric.value)


def is_fraction(metric: Metric) -> bool:
    """Is it shown in percent?"""
    return metric.unit == "fraction"


def value_text(metric: Metric) -> str:
    """The value with its unit; a dash where nothing was measured."""
    if not measured(metric):
        return MISSING
    if is_fraction(metric):
        return percent(metric.value)
    return f"{metric.value:.3g} {metric.unit}".strip()


def interval_text(metric: Metric) -> str:
    """`88.1–93.8%`; a dash where nothing was measured."""
    if not measured(metric) or not (math.isfinite(metric.low) and math.isfinite(metric.high)):
        return MISSING
    if is_fraction(metric):
        return f"{100 * metric.low:.1f}–{100 * metric.high:.1f}%"
    return f"{metric.low:.3g}–{metric.high:.3g} {metric.unit}".strip()


def duration(seconds: float) -> str:
    """`0.04 s`, `9.6 s`, `2 min 05 s`, `1 h 02 min`."""
    if not math.isfinite(seconds):
        return MISSING
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
