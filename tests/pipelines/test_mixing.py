import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.errors import ConfigError, DataError
from toolwise.pipelines.mixing import Counted, Variant, mix, parse_variant
from toolwise.types import SFTExample, Split


def counted(kind: str, sizes: list[int]) -> list[Counted]:
    return [
        Counted(SFTExample(key=f"{kind}{i}", task_key="", split=Split.TRAIN, messages=(), tools=()), size)
        for i, size in enumerate(sizes)
    ]


SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=20)


@given(SIZES, SIZES, st.floats(0, 1), st.integers(1, 2000), st.sampled_from(Variant), st.integers(0, 5))
def test_every_variant_costs_the_budget_to_within_an_example_a_part(
    solved: list[int], asked: list[int], ratio: float, budget: int, variant: Variant, seed: int
) -> None:
    made = mix(counted("s", solved), counted("m", asked), variant, ratio, budget, seed)
    size = {f"s{i}": n for i, n in enumerate(solved)} | {f"m{i}": n for i, n in enumerate(asked)}
    keys = [example.key for example in (*made.train, *made.first)]
    assert sum(size[key] for key in keys) == made.solution_tokens + made.metatask_tokens
    parts = (made.solution_tokens > 0) + (made.metatask_tokens > 0)
    assert budget <= made.solution_tokens + made.metatask_tokens < budget + parts * made.longest
    assert sum(size[key] for key in keys if key[0] == "m") == made.metatask_tokens
    assert abs(made.metatask_tokens - round(budget * made.ratio)) < made.longest


@given(SIZES, st.integers(1, 500))
def test_nothing_is_repeated_before_all_was_used(solved: list[int], budget: int) -> None:
    made = mix(counted("s", solved), (), Variant.SOLUTION_ONLY, 0.5, budget)
    times = [sum(example.key == f"s{i}" for example in made.train) for i in range(len(solved))]
    assert max(times) - min(times) <= 1


def test_variants() -> None:
    solved, asked = counted("s", [10] * 20), counted("m", [10] * 20)
    kinds = {}
    for variant in Variant:
        made = mix(solved, asked, variant, 0.3, 100)
        kinds[variant] = ("".join(e.key[0] for e in made.first), "".join(e.key[0] for e in made.train))
    assert kinds[Variant.SOLUTION_ONLY] == ("", "s" * 10)
    assert kinds[Variant.META_ONLY] == ("", "m" * 10)
    assert kinds[Variant.TWO_STAGE] == ("mmm", "sssssss")
    assert sorted(kinds[Variant.MIXED][1]) == list("mmmsssssss")
    assert kinds[Variant.MIXED][1] != "sssssssmmm"
    assert mix(solved, asked, Variant.TWO_STAGE, 0.3, 100).first_stage == 0.3
    assert mix(solved, asked, Variant.MIXED, 0.3, 100).first_stage == 0


@pytest.mark.parametrize("ratio", [-0.1, 1.5, float("nan")])
def test_a_ratio_that_is_no_share_is_refused(ratio: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        mix(counted("s", [1]), counted("m", [1]), Variant.MIXED, ratio, 10)


def test_unknown_variants_and_missing_examples_are_named() -> None:
    with pytest.raises(ConfigError, match="solution-only"):
        parse_variant("half")
    with pytest.raises(DataError, match="no meta-tasks"):
        mix(counted("s", [1]), (), Variant.MIXED, 0.5, 10)
    assert mix(counted("s", [1]), (), Variant.MIXED, 0.0, 10).metatask_tokens == 0
