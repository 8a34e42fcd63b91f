"""Which tools one call writes instructions for, and what its prompt holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.config import parse_config
from toolwise.errors import ConfigError
from toolwise.ports import Sampling
from toolwise.synthesis.instructions import (
    MULTI_SEEDS,
    SINGLE_SEEDS,
    Batch,
    InstructionsConfig,
    instruction_request,
    plan_batches,
)
from toolwise.synthesis.instructions.language import is_language
from toolwise.types import Split, TaskKind, Tool, Toolset


@dataclass(frozen=True)
class Entry:
    name: str
    category: str
    collections: tuple[str, ...]
    family: str
    tools: tuple[str, ...]


entries = st.lists(
    st.tuples(
        st.sampled_from(["travel", "food", ""]),
        st.lists(st.sampled_from(["summer", "work"]), unique=True),
        st.integers(0, 3),
        st.integers(0, 20),
        st.sampled_from([Split.TRAIN, Split.UNSEEN_TOOLSET]),
    ),
    max_size=12,
)


@given(entries, st.integers(1, 25), st.integers(0, 5))
def test_the_papers_sampling(drawn: list[tuple[str, list[str], int, int, Split]], wanted: int, seed: int) -> None:
    toolsets, split_of = [], {}
    for i, (category, collections, family, size, split) in enumerate(drawn):
        name = f"set{i}"
        tools = tuple(f"t{k}" for k in range(size))
        toolsets.append(Entry(name, category, tuple(collections), f"family{family}", tools))
        split_of[name] = split
    config = InstructionsConfig(per_toolset=wanted, seed=seed)
    batches = plan_batches(toolsets, split_of, config)
    assert batches == plan_batches(toolsets, split_of, config)
    assert len({batch.key for batch in batches}) == len(batches)
    by_name = {entry.name: entry for entry in toolsets}
    singles = Counter[str]()
    for batch in batches:
        homes = [by_name[tool.partition(".")[0]] for tool in batch.tools]
        assert len(set(batch.tools)) == len(batch.tools) > 0
        assert 1 <= batch.wanted <= 10
        assert {split_of[home.name] for home in homes} == {batch.split}
        if batch.kind is TaskKind.SINGLE:
            assert len({home.name for home in homes}) == 1
            assert len(batch.tools) == min(config.most_tools, len(homes[0].tools))
            singles[batch.group] += batch.wanted
            continue
        used = Counter(home.name for home in homes)
        assert 2 <= len(used) <= 5
        assert max(used.values()) <= 3
        assert len({by_name[name].family for name in used}) == len(used)  # never two versions of one API
        shared = {home.category for home in homes} if batch.kind is TaskKind.CATEGORY else {batch.group}
        assert shared == {batch.group}
        assert batch.kind is TaskKind.CATEGORY or all(batch.group in home.collections for home in homes)
    assert singles == Counter({entry.name: wanted for entry in toolsets if entry.tools})


def test_seed_examples_are_as_many_as_the_paper_has_and_in_order() -> None:
    assert len(SINGLE_SEEDS) >= 12
    assert len(MULTI_SEEDS) >= 36
    assert len({seed.instruction for seed in (*SINGLE_SEEDS, *MULTI_SEEDS)}) == len(SINGLE_SEEDS) + len(MULTI_SEEDS)
    for seed in SINGLE_SEEDS:
        assert len(seed.services) == 1
    for seed in MULTI_SEEDS:
        assert len({seed.tools[index].partition(":")[0] for index in seed.needs}) > 1 or len(seed.services) > 1
    for seed in (*SINGLE_SEEDS, *MULTI_SEEDS):
        assert seed.needs
        assert all(0 <= index < len(seed.tools) for index in seed.needs)
        assert is_language(seed.instruction, "en"), seed.instruction


def test_the_prompt_documents_every_tool_in_full_and_shows_three_seeds() -> None:
    schema = {"type": "object", "properties": {"reed": {"type": "integer", "maximum": 77}}, "required": ["reed"]}
    tools = tuple(Tool(id=f"pond.t{i}", name=f"t{i}", description="Cuts reed.", parameters=schema) for i in range(3))
    toolset = Toolset(name="pond", title="Pond Works", description="All about ponds.", tools=tools)
    batch = Batch(TaskKind.SINGLE, "pond", tuple(t.id for t in tools), 10, Split.TRAIN, 4)
    request = instruction_request(batch, [(toolset, tool) for tool in tools], InstructionsConfig(), Sampling())
    text = request.messages[-1].content
    assert all(f'"id":"{tool.id}"' in text for tool in tools)
    assert text.count('"maximum":77') == 3
    assert sum(seed.line in text for seed in SINGLE_SEEDS) == 3
    assert not any(seed.line in text for seed in MULTI_SEEDS)
    assert "first 7 must be specific" in text
    assert "last 3 must be complex" in text
    assert request.answer_schema is not None


def test_a_large_schema_gives_way_to_the_compact_view() -> None:
    properties = {f"p{i}": {"type": "string", "description": "x" * 100} for i in range(80)}
    tool = Tool(id="big.t", name="t", parameters={"type": "object", "properties": properties})
    toolset = Toolset(name="big", tools=(tool,))
    batch = Batch(TaskKind.SINGLE, "big", ("big.t",), 10, Split.TRAIN, 0)
    request = instruction_request(batch, [(toolset, tool)], InstructionsConfig(documentation_chars=2000), Sampling())
    line = next(line for line in request.messages[-1].content.splitlines() if line.startswith('{"id":"big.t"'))
    assert len(line) < 2000


def test_a_language_that_is_not_known_is_refused() -> None:
    with pytest.raises(ConfigError, match="known are"):
        parse_config(InstructionsConfig, {"language": "tlh"}, "test")
