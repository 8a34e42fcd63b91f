from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st

from toolwise.llm.attention_cache import KeptSequences

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=12)


def state(ids: Any) -> Any:
    """One layer whose keys are the tokens themselves."""
    keys = torch.tensor(ids, dtype=torch.float32)[None, :, None]
    return [(keys, keys)]


@given(st.lists(tokens, max_size=8), tokens)
def test_the_longest_common_beginning_is_found_and_one_token_is_left(kept: Any, wanted: Any) -> None:
    store = KeptSequences(most_bytes=1 << 20)
    for ids in kept:
        store.keep(ids, state(ids))
    count, found = store.find(wanted)
    common = [_common(ids, wanted) for ids in kept]
    assert count == min(max(common, default=0), len(wanted) - 1)
    if count:
        assert found[0][0][0, :count, 0].tolist() == wanted[:count]


def test_the_least_recently_used_goes_first_and_a_beginning_is_kept_once() -> None:
    store = KeptSequences(most_bytes=2 * 3 * 8)
    store.keep([1, 2], state([1, 2]))
    store.keep([1, 2, 3], state([1, 2, 3]))
    store.keep([4, 5, 6], state([4, 5, 6]))
    assert store.find([1, 2, 3, 9])[0] == 3, "what it begins with was replaced, so both fit"
    store.keep([7, 8, 9], state([7, 8, 9]))
    assert store.find([4, 5, 6, 9])[0] == 0
    assert store.find([1, 2, 3, 9])[0] == 3
    store.keep([0] * 50, state([0] * 50))
    assert store.find([0, 0])[0] == 0, "larger than all the room there is"


def _common(one: Any, other: Any) -> int:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return length
