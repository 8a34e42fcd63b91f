"""The immutable map against a plain dictionary."""

from hypothesis import given
from hypothesis import strategies as st

from toolwise.worlds.persistent import PersistentMap

# `plumless` and `buckeroo` have the same CRC-32, so they meet below the last bit of the hash
_KEYS = st.one_of(st.sampled_from(["plumless", "buckeroo", "a", "b", ""]), st.text(max_size=3))
_CHANGES = st.lists(st.tuples(_KEYS, st.one_of(st.none(), st.integers())), max_size=80)


@given(_CHANGES)
def test_it_is_a_dictionary_and_old_versions_stay(changes: list[tuple[str, int | None]]) -> None:
    current: PersistentMap[int] = PersistentMap()
    model: dict[str, int] = {}
    versions = []
    for key, value in changes:
        versions.append((current, dict(model)))
        if value is None:
            current = current.without(key)
            model.pop(key, None)
        else:
            current = current.set(key, value)
            model[key] = value
    for version, expected in [*versions, (current, model)]:
        assert dict(version.items()) == expected
        assert len(version) == len(expected)
        assert all(version.get(key) == value for key, value in expected.items())
        assert set(version.keys()) == set(expected)
        assert sorted(version.values()) == sorted(expected.values())
        assert "no such key" not in version


def test_many_keys() -> None:
    current: PersistentMap[int] = PersistentMap()
    for i in range(5000):
        current = current.set(str(i), i)
    assert len(current) == 5000
    assert all(current.get(str(i)) == i for i in range(5000))
    for i in range(0, 5000, 2):
        current = current.without(str(i))
    assert sorted(current.values()) == list(range(1, 5000, 2))


def test_colliding_keys_stay_apart() -> None:
    both = PersistentMap[int]().set("plumless", 1).set("buckeroo", 2)
    assert (both.get("plumless"), both.get("buckeroo")) == (1, 2)
    assert both.without("plumless").get("buckeroo") == 2
