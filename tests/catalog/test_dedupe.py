from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from work_samples import closed, ferry, library, lines, saved, tool

from toolwise.catalog import LeftOutReason, open_catalog
from toolwise.catalog.dedupe import DedupeConfig, Deduplicator, superseded
from toolwise.errors import CatalogError, ConfigError
from toolwise.pipelines.dedupe import DUPLICATES, dedupe_catalog
from toolwise.types import HttpBinding, Toolset


def reduced(*toolsets: Toolset, **settings: Any) -> tuple[list[Toolset], list[tuple[str, str, str]]]:
    """What is left, and (kind, what, same as) of everything dropped."""
    known = Deduplicator(DedupeConfig(**settings))
    left = list(known.through(toolsets))
    return left, [(item.kind.value, item.what, item.same_as) for item in known.result.dropped]


def renamed(toolset: Toolset, name: str, **changes: Any) -> Toolset:
    tools = tuple(one.model_copy(update={"id": f"{name}.{one.name}"}) for one in toolset.tools)
    return Toolset(**{**dict(toolset), "name": name, "family": name, "tools": tools, **changes})


def test_the_same_toolset_under_another_name_is_dropped() -> None:
    left, dropped = reduced(library(), ferry(), renamed(library(), "copy", title="TOWN  library"))
    assert [one.name for one in left] == ["library", "ferry"]
    assert dropped == [("duplicate_toolset", "copy", "library")]


def test_toolsets_without_tools_are_told_apart_by_their_descriptions() -> None:
    stubs = [Toolset(name=f"s{n}", title="Open Data", family=f"s{n}", description=text) for n, text in enumerate("aab")]
    assert reduced(*stubs)[1] == [("duplicate_toolset", "s1", "s0")]


def test_a_toolset_at_another_address_says_the_same() -> None:
    left, dropped = reduced(ferry(), renamed(ferry(), "staging", servers=("https://staging.ferry.test",)))
    assert [one.name for one in left] == ["ferry"]
    assert dropped == [("duplicate_toolset", "staging", "ferry")]


def test_what_definitions_are_called_does_not_count_but_what_they_say_does() -> None:
    def with_definitions(name: str, key: str, kind: str) -> Toolset:
        one = tool("put", "Puts it.", closed((), it={"$ref": f"#/$defs/{key}"}), toolset=name)
        node = {"type": "object", "properties": {"v": {"type": kind}, "next": {"$ref": f"#/$defs/{key}"}}}
        return Toolset(name=name, title="Same", family=name, definitions={key: node}, tools=(one,))

    left, dropped = reduced(
        with_definitions("a", "Node", "string"),
        with_definitions("b", "Other", "string"),
        with_definitions("c", "Node", "integer"),
    )
    assert [one.name for one in left] == ["a", "c"]
    assert dropped == [("duplicate_toolset", "b", "a")]


def test_a_tool_that_says_the_same_elsewhere_is_dropped_with_what_only_it_used() -> None:
    extra = tool("other", "Another one.", closed(), toolset="second")
    copy = renamed(library(), "second").tools[0].model_copy(update={"binding": None})
    first = Toolset(
        **{**dict(library()), "tools": tuple(t.model_copy(update={"binding": None}) for t in library().tools)}
    )
    second = Toolset(
        name="second", title="Second", family="second", definitions=library().definitions, tools=(copy, extra)
    )
    left, dropped = reduced(first, second)
    assert [one.name for one in left[1].tools] == ["other"]
    assert left[1].definitions == {}
    assert dropped == [("duplicate_tool", "second.lend_book", "library.lend_book")]


def test_tools_that_call_different_things_are_no_duplicates() -> None:
    def service(name: str, path: str) -> Toolset:
        one = tool("tag", "Tags a thing.", closed(), toolset=name, binding=HttpBinding(method="POST", path=path))
        return Toolset(name=name, title=name, family=name, servers=(f"https://{name}.test",), tools=(one,))

    left, dropped = reduced(service("one", "/tag"), service("two", "/tag"))
    assert (len(left), dropped) == (2, [])


def test_a_toolset_of_nothing_new_is_dropped_tool_by_tool() -> None:
    parts = [tool(name, name, closed(), toolset="all") for name in ("a", "b")]
    whole = Toolset(name="all", title="All", family="all", tools=tuple(parts))
    part = Toolset(name="some", title="Some", family="some", tools=(parts[0].model_copy(update={"id": "some.a"}),))
    left, dropped = reduced(whole, part)
    assert [one.name for one in left] == ["all"]
    assert dropped == [("duplicate_tool", "some.a", "all.a")]


def test_versions_of_one_api_are_kept_whole() -> None:
    one, two = renamed(library(), "town_v1", family="town"), renamed(library(), "town_v2", family="town")
    left, dropped = reduced(one, two)
    assert ([t.name for t in left], dropped) == (["town_v1", "town_v2"], [])


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (["compute_v1", "compute_beta", "compute_alpha"], "compute_v1"),
        (["run_v1", "run_v2", "run_v1beta1"], "run_v2"),
        (["ads_v3_5", "ads_v4", "ads_v3_10"], "ads_v4"),
        (["cloudasset_v1p5beta1", "cloudasset_v1p7beta1"], "cloudasset_v1p7beta1"),
        (["aws_ses", "aws_sesv2"], "aws_sesv2"),
        (["x_v1alpha", "x_v1beta"], "x_v1beta"),
        (["x_v2beta", "x_v1"], "x_v1"),
    ],
)
def test_the_newest_version_is_the_highest_stable_one(names: list[str], newest: str) -> None:
    assert superseded((name, "family") for name in names) == {name: newest for name in names if name != newest}


def test_what_shares_a_family_without_being_a_version_stays() -> None:
    assert superseded([("aws_rds", "aws-rds"), ("aws_neptune", "aws-rds")]) == {}
    assert superseded([("shop", "shop"), ("shop_2", "shop")]) == {}  # the second of a name, not its second version
    assert superseded([("x_v1", "one"), ("x_v2", "other")]) == {}


def near(*tools: tuple[str, str, str], **settings: Any) -> list[tuple[str, str]]:
    known = Deduplicator(DedupeConfig(**settings))
    toolsets = [
        Toolset(name=name, title=name, family=family, tools=(tool("read_the_meter", text, closed(), toolset=name),))
        for name, family, text in tools
    ]
    list(known.through(toolsets))
    return [(item.what, item.same_as) for item in known.result.near]


LONG = "Reads the meter of a flat and returns the number of units that were used since the last reading of it."


def test_near_duplicates_are_reported_not_dropped() -> None:
    found = near(("a", "a", LONG), ("b", "b", LONG.replace("flat", "flats")), ("c", "c", "Cooks soup for many people."))
    assert found == [("b.read_the_meter", "a.read_the_meter")]


def test_near_duplicates_within_a_family_are_versions() -> None:
    assert near(("a", "f", LONG), ("b", "f", LONG + " Now."), ("c", "g", LONG + " Yes."), near=True) != []
    assert near(("a", "f", LONG), ("b", "f", LONG + " Now.")) == []


def test_the_threshold_and_the_switch_count() -> None:
    pair = (("a", "a", LONG), ("b", "b", LONG[: len(LONG) * 2 // 3]))
    assert near(*pair) == []
    assert near(*pair, threshold=0.4) == [("b.read_the_meter", "a.read_the_meter")]
    assert near(*pair, threshold=0.4, near=False) == []


@given(st.lists(st.sampled_from(["a", "b", "A ", "c"]), min_size=1, max_size=8))
def test_nothing_vanishes_and_the_first_of_equals_stays(texts: list[str]) -> None:
    toolsets = [
        Toolset(name=f"t{n}", title=f"t{n}", family=f"t{n}", tools=(tool("x", text, closed(), toolset=f"t{n}"),))
        for n, text in enumerate(texts)
    ]
    left, dropped = reduced(*toolsets, near=False)
    assert len(left) + len(dropped) == len(texts)
    assert len(left) == len({text.strip().casefold() for text in texts})
    assert {same for _, _, same in dropped} <= {one.tools[0].id for one in left}


def test_the_new_catalog_records_everything_dropped(tmp_path: Path) -> None:
    copy = renamed(library(), "copy", source="copy.json")
    old, new = renamed(ferry(), "boat_v1", family="boat"), renamed(ferry(), "boat_v2", family="boat", title="Boat 2")
    catalog = saved(tmp_path / "C", library(), copy, old, new)
    summary = dedupe_catalog(catalog, tmp_path / "D", {"versions": "newest"})
    assert summary["toolsets"] == {"in": 4, "out": 2}
    assert summary["tools"] == {"in": 12, "out": 6}
    assert summary["dropped"] == {"duplicate_toolset": 1, "older_version": 1}
    assert summary["dropped_tools"] == 6
    opened = open_catalog(tmp_path / "D")
    assert opened.names() == ("library", "boat_v2")
    reasons = {item.where: (item.reason, item.detail) for item in opened.left_out()}
    assert reasons == {
        "copy": (LeftOutReason.DUPLICATE_TOOLSET, "the same as library"),
        "boat_v1": (LeftOutReason.OLDER_VERSION, "there is the newer boat_v2"),
    }
    assert [row["what"] for row in lines(tmp_path / "D" / DUPLICATES)] == ["copy", "boat_v1"]
    assert opened.toolset("library") == library()


def test_bad_settings_and_places_are_the_users_one_line(tmp_path: Path) -> None:
    catalog = saved(tmp_path / "C", library())
    with pytest.raises(ConfigError, match="versions"):
        dedupe_catalog(catalog, tmp_path / "D", {"versions": "oldest"})
    with pytest.raises(CatalogError, match="choose another --out"):
        dedupe_catalog(catalog, catalog)
    assert open_catalog(catalog).names() == ("library",)
