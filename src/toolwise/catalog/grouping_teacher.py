"""Categories and collections by a teacher that sees names and descriptions, some toolsets at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolwise.catalog.documentation import prompts
from toolwise.catalog.documentation.conversation import Conversation, UnusableAnswerError, json_object
from toolwise.catalog.grouping import GroupConfig, Grouping, Profile, lacks_category
from toolwise.catalog.prose import plain
from toolwise.errors import ModelError
from toolwise.ports import ChatModel
from toolwise.text import first_sentence

BATCH = 20
"""Toolsets in one question."""
_MAX_COLLECTIONS = 5
_SHOWN_GROUPS = 200


async def group_with(
    profiles: Sequence[Profile], model: ChatModel, config: GroupConfig
) -> tuple[dict[str, Grouping], dict[str, str]]:
    """(what each toolset gets, why others get nothing), by name; versions of one API are asked about once.

    Questions follow each other, because each shows the categories that the earlier answers used.
    """
    asked = [p for p in profiles if config.everything or lacks_category(p.category) or not p.collections]
    families: dict[str, list[Profile]] = {}
    for one in asked:
        families.setdefault(one.family, []).append(one)
    categories = dict.fromkeys(sorted({p.category for p in profiles if not lacks_category(p.category)}))
    collections = dict.fromkeys(sorted({name for p in profiles for name in p.collections}))
    made: dict[str, Grouping] = {}
    failed: dict[str, str] = {}
    heads = [members[0] for members in families.values()]
    for start in range(0, len(heads), BATCH):
        batch = heads[start : start + BATCH]
        try:
            answer = await _ask(batch, model, (list(categories), list(collections)), config.seed)
        except ModelError as error:
            why = "no_usable_answer" if isinstance(error, UnusableAnswerError) else "model_failed"
            failed.update({p.name: why for head in batch for p in families[head.family]})
            continue
        for head in batch:
            given = answer[head.name]
            categories.setdefault(given.category)
            collections.update(dict.fromkeys(given.collections))
            made.update({p.name: _missing(p, given, config) for p in families[head.family]})
    return made, failed


def _missing(one: Profile, given: Grouping, config: GroupConfig) -> Grouping:
    """Only what the toolset lacks."""
    if config.everything:
        return given
    category = given.category if lacks_category(one.category) else ""
    return Grouping(category=category, collections=() if one.collections else given.collections)


async def _ask(
    batch: Sequence[Profile], model: ChatModel, known: tuple[list[str], list[str]], seed: int
) -> dict[str, Grouping]:
    interfaces = "\n".join(f"{p.name}: {p.title}. {first_sentence(p.about, 200)}" for p in batch)
    question = prompts.GROUPS.format(
        categories=", ".join(known[0][:_SHOWN_GROUPS]) or "(none)",
        collections=", ".join(known[1][:_SHOWN_GROUPS]) or "(none)",
        interfaces=interfaces,
    )
    return await Conversation(model, seed).ask(question, lambda text: _read(text, batch))


def _read(text: str, batch: Sequence[Profile]) -> dict[str, Grouping] | list[str]:
    said = json_object(text)
    if isinstance(said, list):
        return said
    made: dict[str, Grouping] = {}
    problems: list[str] = []
    for one in batch:
        own: Any = said.get(one.name)
        category = plain(own.get("category"), 60) if isinstance(own, dict) else ""
        if not category:
            problems.append(f"the interface {one.name} has no category")
            continue
        listed = own.get("collections")
        names = [plain(name, 60) for name in listed] if isinstance(listed, list) else []
        made[one.name] = Grouping(
            category=category, collections=tuple(dict.fromkeys(n for n in names if n))[:_MAX_COLLECTIONS]
        )
    return problems[:5] or made
