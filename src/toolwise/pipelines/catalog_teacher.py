"""The language model that a catalog's verbs ask: each question once for each catalog, within a budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.pool import EndpointPool
from toolwise.pipelines.budget import BudgetMeter
from toolwise.pipelines.journalled import JournalledModel, spent, usage_json
from toolwise.pipelines.teacher import Teacher
from toolwise.store import Database, Journal
from toolwise.types import Json

ANSWERS = "teacher.sqlite"
"""In the catalog's folder: what the teacher answered, so that no run over this catalog pays for it again."""


def ask_for_catalog(folder: Path, teacher: Teacher, work: Callable[[JournalledModel], Awaitable[Json]]) -> Json:
    """What `work` returns when it may ask the teacher, with `calls`: what all runs over this catalog have used.

    Raises what `work` raises; BudgetSpentError (a UserError) and EndpointUnusableError among it.
    """
    return asyncio.run(_ask(folder, teacher, work))


async def _ask(folder: Path, teacher: Teacher, work: Callable[[JournalledModel], Awaitable[Json]]) -> Json:
    database = Database(folder / ANSWERS)
    try:
        journal = Journal(database)
        meter = BudgetMeter(teacher.budget, spent(journal), again="run the command again, which asks for the rest only")
        pool = EndpointPool([EndpointModel(endpoint, meter=meter) for endpoint in teacher.endpoints], meter)
        try:
            made = await work(JournalledModel(pool, journal))
        finally:
            await pool.close()
    finally:
        database.close()
    calls, prompt, completion, _, cost = usage_json(meter.used)
    usage = {"calls": calls, "prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}
    return {**made, "usage": usage, "notices": dict(sorted(meter.notices.items()))}
