from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from toolwise.corpus import SplitConfig, split_catalog
from toolwise.types import Split, Toolset


@dataclass(frozen=True)
class Summary:
    name: str
    family: str
    category: str


summaries = st.lists(
    st.builds(
        Summary,
        name=st.integers(0, 300).map(lambda n: f"t{n}"),
        family=st.sampled_from(["", *(f"f{n}" for n in range(12))]),
        category=st.sampled_from(["", "a", "b", "c", "d", "e"]),
    ),
    max_size=60,
    unique_by=lambda s: s.name,
)
configs = st.builds(
    SplitConfig,
    seed=st.integers(0, 5),
    unseen_category_share=st.floats(0, 0.5),
    unseen_toolset_share=st.floats(0, 0.5),
)


@given(summaries, configs, st.randoms(use_true_random=False))
def test_families_stay_together_and_order_does_not_matter(
    listed: list[Summary], config: SplitConfig, rng: random.Random
) -> None:
    split = split_catalog(listed, config)
    assert list(split) == [s.name for s in listed]
    assert set(split.values()) <= {Split.TRAIN, Split.UNSEEN_TOOLSET, Split.UNSEEN_CATEGORY}
    places: dict[str, set[Split]] = {}
    for s in listed:
        places.setdefault(s.family or s.name, set()).add(split[s.name])
    assert all(len(where) == 1 for where in places.values())
    shuffled = list(listed)
    rng.shuffle(shuffled)
    assert split_catalog(shuffled, config) == split


@given(summaries, configs)
def test_unseen_categories_are_whole_and_unseen_toolsets_have_a_seen_category(
    listed: list[Summary], config: SplitConfig
) -> None:
    split = split_catalog(listed, config)
    held = {s.category for s in listed if split[s.name] is Split.UNSEEN_CATEGORY}
    trained = {s.category for s in listed if split[s.name] is Split.TRAIN}
    assert all((split[s.name] is Split.UNSEEN_CATEGORY) == (s.category in held) for s in listed)
    assert {s.category for s in listed if split[s.name] is Split.UNSEEN_TOOLSET} <= trained


def _realistic() -> list[Summary]:
    rng = random.Random(3)
    sizes = {"cloud": 120, "ads": 30, "maps": 20, "mail": 18, "media": 25, "social": 14, "jobs": 12, "tax": 1}
    return [
        Summary(f"{category}{n}", f"{category}-f{rng.randrange(max(1, size * 3 // 4))}", category)
        for category, size in sizes.items()
        for n in range(size)
    ]


def test_shares_are_about_what_is_asked_for() -> None:
    listed = _realistic()
    for seed in range(10):
        split = split_catalog(listed, SplitConfig(seed=seed))
        counts = Counter(split.values())
        assert 0.03 * len(listed) <= counts[Split.UNSEEN_CATEGORY] <= 0.08 * len(listed)
        families = {s.family for s in listed if split[s.name] is not Split.UNSEEN_CATEGORY}
        held = {s.family for s in listed if split[s.name] is Split.UNSEEN_TOOLSET}
        assert len(held) == round(0.12 * len(families))
    drawn = {tuple(split_catalog(listed, SplitConfig(seed=seed)).values()) for seed in range(10)}
    assert len(drawn) == 10, "the seed draws"


def test_nothing_is_held_out_at_share_zero_or_from_one_toolset() -> None:
    nothing = SplitConfig(unseen_category_share=0, unseen_toolset_share=0)
    assert set(split_catalog(_realistic(), nothing).values()) == {Split.TRAIN}
    assert split_catalog([Toolset(name="only", category="c")], SplitConfig()) == {"only": Split.TRAIN}


def test_a_small_catalog_still_has_every_split() -> None:
    listed = [Toolset(name=f"t{n}", category=f"c{n % 5}") for n in range(10)]
    assert set(split_catalog(listed, SplitConfig()).values()) == {
        Split.TRAIN,
        Split.UNSEEN_TOOLSET,
        Split.UNSEEN_CATEGORY,
    }
