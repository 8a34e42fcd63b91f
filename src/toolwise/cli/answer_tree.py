"""A search as text: the candidates, the tree of steps with a line for each message, the answer, and what it took."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toolwise.types import Json, StopReason

LONGEST = 200
"""Characters of a message that are shown; `--json` has all."""
_ENDS = {
    StopReason.ANSWERED: "",
    StopReason.GAVE_UP: "gives up: nothing new to try from here",
    StopReason.STEP_LIMIT: "stops: the branch has as many steps as it may have",
    StopReason.BUDGET: "stops: as many model calls were made as the task may have",
    StopReason.POLICY_ERROR: "stops: the model failed",
    StopReason.UNPARSABLE: "stops: the model wrote no turn that can be read within its limit of tokens",
}


def render_answer(document: Json) -> str:
    """The document of `toolwise ask` for people."""
    tree = document["tree"]
    children: dict[int | None, list[int]] = {}
    for index, node in enumerate(tree):
        children.setdefault(node["parent"], []).append(index)
    width = max((len(hit["tool"]) for hit in document["candidates"]), default=0)
    offered = [f"  {hit['tool']:<{width}}  {hit['description']}".rstrip() for hit in document["candidates"]]
    seconds = document["seconds"]
    took = (
        f"{document['model_calls']} model calls; {seconds['retrieval']:.1f} s to find tools, "
        f"{seconds['loading']:.1f} s to load the model, {seconds['search']:.1f} s to search"
    )
    lines = ["candidates:", *offered, "", f"you: {document['instruction']}", *_below(0, tree, children)]
    return "\n".join([*lines, "", f"answer: {document['answer'] or '(none)'}", took])


def _below(index: int, tree: list[Any], children: Mapping[int | None, list[int]]) -> Iterator[str]:
    """What follows a message: on one level as long as nothing forks."""
    following = children.get(index, [])
    for place, child in enumerate(following):
        last = place == len(following) - 1
        first, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if len(following) == 1:
            first = rest = ""
        for number, line in enumerate([*_lines(tree[child]), *_below(child, tree, children)]):
            yield f"{rest if number else first}{line}"


def _lines(node: Json) -> Iterator[str]:
    text = " ".join(node["text"].split())
    shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    if node["role"] == "tool":
        yield f"   → {shown}"
    elif node["calls"]:
        yield f"calls {shown}"
    elif shown:
        yield f"says: {shown}"
    if node["end"] and _ENDS[StopReason(node["end"])]:
        yield _ENDS[StopReason(node["end"])]
