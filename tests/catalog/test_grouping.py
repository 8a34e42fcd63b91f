import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from work_samples import closed, library, saved, tool

from toolwise.catalog import open_catalog
from toolwise.catalog.clustering import clusters, names, vectorise
from toolwise.catalog.grouping import GroupConfig, group, profile
from toolwise.errors import CatalogError, ConfigError, ModelError
from toolwise.llm.scripted import ScriptedModel
from toolwise.pipelines.grouping import group_catalog, group_catalog_with
from toolwise.ports import ChatRequest
from toolwise.types import Toolset

FIELDS = {
    "weather": ["forecast", "storm", "temperature", "humidity", "rainfall", "wind"],
    "banking": ["account", "loan", "mortgage", "deposit", "interest", "transfer"],
    "music": ["song", "album", "artist", "playlist", "concert", "lyrics"],
    "cooking": ["recipe", "ingredient", "oven", "dish", "spice", "menu"],
}


def provider(number: int, field: str, category: str = "", collections: tuple[str, ...] = ()) -> Toolset:
    words = FIELDS[field]
    chosen = [words[(number + step) % len(words)] for step in range(3)]
    name = f"{field}_{number}"
    tools = tuple(
        tool(f"get_{word}", f"Gets the {word} of a place.", closed(), toolset=name) for word in (*chosen, "status")
    )
    return Toolset(
        name=name,
        title=f"{chosen[0].capitalize()} and {chosen[1]} {field}",
        description=f"Everything on {chosen[2]} for {field} people.",
        family=name,
        category=category,
        collections=collections,
        tools=tools,
    )


def providers(category: str = "") -> list[Toolset]:
    return [provider(n, field, category) for n in range(6) for field in FIELDS]


def test_toolsets_of_one_field_share_a_category() -> None:
    made = group([profile(one) for one in providers()], GroupConfig(categories=4))
    found = {field: {made[f"{field}_{n}"].category for n in range(6)} for field in FIELDS}
    assert all(len(categories) == 1 for categories in found.values())
    assert len(set.union(*found.values())) == 4


def test_a_category_is_named_by_words_of_its_toolsets() -> None:
    made = group([profile(one) for one in providers()], GroupConfig(categories=4))
    for field, words in FIELDS.items():
        named = made[f"{field}_0"].category.lower().split()
        assert set(named) <= {field, *words}


def test_collections_hold_several_families() -> None:
    made = group([profile(one) for one in providers()])
    members: dict[str, set[str]] = {}
    for name, given_one in made.items():
        for collection in given_one.collections:
            members.setdefault(collection, set()).add(name)
    assert members
    assert all(len(found) > 1 for found in members.values())


def test_toolsets_without_tools_are_in_no_collection() -> None:
    stubs = [one.model_copy(update={"tools": ()}) for one in providers()]
    made = group([profile(one) for one in stubs])
    assert all(one.category and not one.collections for one in made.values())


def test_what_has_a_category_keeps_it() -> None:
    kept = provider(0, "music", "Entertainment", ("Fun",))
    other = provider(1, "music", "Other")
    made = group([profile(one) for one in (kept, other, *providers())])
    assert kept.name not in {name for name, one in made.items() if one.category == "Entertainment"}
    assert made[other.name].category not in ("", "Other")
    everything = group([profile(kept)], GroupConfig(everything=True))
    assert everything[kept.name].category != "Entertainment"


def test_versions_of_one_api_share_their_groups() -> None:
    versions = [one.model_copy(update={"name": f"{one.name}_{v}"}) for one in providers() for v in ("v1", "v2")]
    made = group([profile(one) for one in versions])
    for one in providers():
        assert made[f"{one.name}_v1"] == made[f"{one.name}_v2"]


@pytest.mark.parametrize("toolsets", [[], [Toolset(name="bare")], [Toolset(name="a"), Toolset(name="b")]])
def test_little_and_empty_catalogs_are_grouped(toolsets: list[Toolset]) -> None:
    made = group([profile(one) for one in toolsets])
    assert set(made) == {one.name for one in toolsets}
    assert all(one.category for one in made.values())


def test_the_seed_decides_and_the_hash_seed_does_not() -> None:
    code = (
        "from test_grouping import providers, group, profile, GroupConfig\n"
        "print(sorted((n, g.category, g.collections) for n, g in group([profile(p) for p in providers()]).items()))"
    )

    def printed(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        folder = Path(__file__).parent
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, check=True
        )
        return done.stdout.decode()

    assert printed("1") == printed("2") != ""


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=5), min_size=1, max_size=12), st.integers(1, 6))
def test_every_text_is_in_one_named_group(texts: list[list[str]], k: int) -> None:
    vocabulary = vectorise([dict.fromkeys(words, 1.0) for words in texts])
    assert vocabulary.vectors.shape == (len(texts), len(vocabulary.words))
    lengths = np.linalg.norm(vocabulary.vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))
    found = clusters(vocabulary.vectors, k)
    assert len(found.labels) == len(texts)
    assert sorted(set(found.labels)) == list(range(max(found.labels) + 1))
    assert max(found.labels) < k
    named = names(vocabulary, found.labels)
    assert len(set(named)) == len(named) == max(found.labels) + 1
    assert all(named)


def test_the_catalog_is_written_and_nothing_else_changes(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), *providers())
    summary = group_catalog(catalog, tmp_path / "D", {"categories": 4})
    assert (summary["toolsets"], summary["without_category"], summary["given_category"]) == (25, 24, 24)
    assert sum(summary["categories"].values()) == 24
    opened = open_catalog(tmp_path / "D")
    assert opened.toolset("library") == library()
    before, after = provider(0, "music"), opened.toolset("music_0")
    assert after.category in summary["categories"]
    assert after.tools == before.tools
    with pytest.raises(CatalogError):
        group_catalog(catalog, catalog)
    with pytest.raises(ConfigError, match="categories"):
        group_catalog(catalog, tmp_path / "E", {"categories": -1})


def answer_of(request: ChatRequest) -> dict[str, Any]:
    lines = request.messages[1].content.split("interfaces:\n")[1].splitlines()
    listed = [line.split(":")[0] for line in lines]
    return {name: {"category": name.split("_")[0].capitalize(), "collections": ["Home", "Home", ""]} for name in listed}


def test_a_teacher_groups_some_at_a_time_and_sees_what_there_is(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library(), *providers())
    model = ScriptedModel(lambda request: orjson.dumps(answer_of(request)).decode())
    summary = asyncio.run(group_catalog_with(catalog, tmp_path / "D", model))
    assert summary["categories"] == {"Banking": 6, "Cooking": 6, "Music": 6, "Weather": 6}
    assert summary["collections"] == {"Home": 24}
    assert len(model.requests) == 2
    first, second = (request.messages[1].content for request in model.requests)
    assert "Books & Reading" in first
    assert "Banking" not in first.split("interfaces:\n", maxsplit=1)[0]
    assert "Banking" in second.split("interfaces:\n", maxsplit=1)[0]
    assert open_catalog(tmp_path / "D").toolset("library") == library()


def test_clusters_take_the_place_of_a_teacher_that_fails(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", *providers())

    def sometimes(request: ChatRequest) -> str:
        answer = answer_of(request)
        if "weather_0" in answer:
            raise ModelError("down")
        del answer[next(iter(answer))]  # one is always forgotten
        return orjson.dumps(answer).decode()

    summary = asyncio.run(group_catalog_with(catalog, tmp_path / "D", ScriptedModel(sometimes)))
    assert summary["clusters_instead_of_teacher"] == {"model_failed": 20, "no_usable_answer": 4}
    assert summary["given_category"] == 24
