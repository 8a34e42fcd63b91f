import errno
import gzip
import io
from pathlib import Path
from typing import Any

import orjson
import pytest
from catalog_samples import ALL, AWS_SERVICE, DISCOVERY, OPENAPI, sample, save
from hypothesis import given
from hypothesis import strategies as st

import toolwise.catalog
from toolwise.catalog import (
    CatalogFile,
    LeftOut,
    LeftOutReason,
    catalog_stats,
    import_catalog,
    import_sources,
    open_catalog,
    write_catalog,
)
from toolwise.errors import CatalogError
from toolwise.ports import Progress, Tools
from toolwise.schemas import Validator
from toolwise.types import Toolset

NAMES = ("toolsets.jsonl", "index.json", "left_out.jsonl", "summary.json")


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    for name, document in ALL.items():
        save(folder, f"{name}.json", document)
    save(folder, "copy.json", OPENAPI)
    save(folder, "bad.json", b"{")
    return folder


@pytest.fixture
def catalog(documents: Path, tmp_path: Path) -> CatalogFile:
    import_catalog([str(documents)], tmp_path / "catalog")
    return open_catalog(tmp_path / "catalog")


def test_the_public_names_exist_and_are_sorted() -> None:
    names = toolwise.catalog.__all__
    assert names == sorted(names)
    assert all(hasattr(toolwise.catalog, name) for name in names)


def test_the_summary_counts_what_is_saved(documents: Path, tmp_path: Path) -> None:
    events: list[Progress] = []
    summary = import_catalog([str(documents)], tmp_path / "out", observer=events.append)
    catalog = open_catalog(tmp_path / "out")
    assert summary.toolsets == len(catalog.names()) == 4
    assert summary.tools == len(catalog) == sum(len(toolset.tools) for toolset in catalog)
    assert summary.parameters == sum(len(tool.properties) for tool in catalog.tools())
    assert summary.tools_per_second > 0
    reasons = [item.reason for item in summary.left_out]
    assert reasons.count(LeftOutReason.DUPLICATE_DOCUMENT) == reasons.count(LeftOutReason.MALFORMED) == 1
    assert tuple(catalog.left_out()) == summary.left_out
    assert (events[0].done, events[-1].done, events[-1].total) == (0, 6, 6)


def test_what_is_read_back_is_what_was_imported(documents: Path, catalog: CatalogFile) -> None:
    imported = [item for item in import_sources([str(documents)]) if isinstance(item, Toolset)]
    assert list(catalog) == imported


def test_look_up(catalog: CatalogFile) -> None:
    port: Tools = catalog
    tool = port.tool("kettles_v2.kettles.lids.delete")
    assert tool.name == "kettles.lids.delete"
    assert tool.definitions is catalog.toolset("kettles_v2").definitions
    assert list(catalog.tool_ids()) == [tool.id for tool in catalog.tools()]
    assert "kettles_v2.kettles.create" in catalog
    assert "kettles_v2.nothing" not in catalog
    assert 3 not in catalog
    for unknown in ("nowhere.x", "kettles_v2.nothing", ""):
        with pytest.raises(KeyError):
            catalog.tool(unknown)


def test_summaries_agree_with_the_toolsets(catalog: CatalogFile) -> None:
    for summary, toolset in zip(catalog.summaries, catalog, strict=True):
        assert summary.tools == tuple(tool.name for tool in toolset.tools)
        for field in ("name", "title", "category", "collections", "family", "source"):
            assert getattr(summary, field) == getattr(toolset, field)
        assert summary.hints["destructive"] == sum(tool.hints.destructive is True for tool in toolset.tools)


def test_only_the_latest_toolsets_stay_in_memory(catalog: CatalogFile) -> None:
    small = CatalogFile(catalog.folder, keep=1)
    first, second = small.names()[:2]
    kept = small.toolset(first)
    assert small.toolset(first) is kept
    small.toolset(second)
    assert small.toolset(first) is not kept


def test_a_subset_is_a_catalog_in_memory(catalog: CatalogFile) -> None:
    chosen = catalog.subset({"kettles_v2", "jam"})
    assert [toolset.name for toolset in chosen.toolsets] == [n for n in catalog.names() if n in ("kettles_v2", "jam")]


def test_statistics(catalog: CatalogFile) -> None:
    stats = catalog_stats(catalog)
    assert stats["toolsets"] == 4
    assert sum(entry["tools"] for entry in stats["categories"].values()) == stats["tools"] == len(catalog)
    assert sum(entry["toolsets"] for entry in stats["categories"].values()) == 4
    assert stats["collections"]["AWS"] == 1
    assert stats["hints"]["read_only"] >= 2
    assert stats["left_out"]["duplicate_document"] == 1
    orjson.dumps(stats)


def test_the_same_documents_give_the_same_bytes(documents: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        import_catalog([str(documents)], tmp_path / out)
    for name in NAMES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_toolsets_of_one_name_get_numbers_and_versions_share_a_category(tmp_path: Path) -> None:
    newer = sample("openapi")
    newer["info"] |= {"version": "2", "description": "A bank with payments and invoices."}
    save(tmp_path, "in/a.json", OPENAPI)
    save(tmp_path, "in/b.json", newer)
    import_catalog([str(tmp_path / "in")], tmp_path / "out")
    first, second = open_catalog(tmp_path / "out").summaries
    assert (first.name, second.name) == ("tea_house_api", "tea_house_api_2")
    assert first.family == second.family
    assert first.category == second.category


def test_an_old_catalog_is_replaced_and_anything_else_is_refused(documents: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_catalog([str(documents)], out)
    import_catalog([str(documents / "aws.json")], out)
    assert len(open_catalog(out).names()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents", "out"]
    foreign = tmp_path / "thesis"
    save(foreign, "chapter.txt", b"precious")
    for target in (foreign, foreign / "chapter.txt"):
        with pytest.raises(CatalogError, match="not a catalog"):
            import_catalog([str(documents)], target)
    assert (foreign / "chapter.txt").read_bytes() == b"precious"


def test_a_full_disk_leaves_the_old_catalog_and_no_remains(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    import_catalog([str(documents / "aws.json")], out)
    before = {name: (out / name).read_bytes() for name in NAMES}

    class FullDisk(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    real_open = Path.open

    def open_full(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        return FullDisk() if "w" in mode and path.name == "toolsets.jsonl" else real_open(path, mode, *rest, **more)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(CatalogError, match="No space left") as caught:
        import_catalog([str(documents)], out)
    assert "\n" not in str(caught.value)
    assert {name: (out / name).read_bytes() for name in NAMES} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents", "out"]


def test_what_a_killed_import_left_behind_does_not_matter(documents: Path, tmp_path: Path) -> None:
    save(tmp_path, ".out.importing/toolsets.jsonl", b"half a li")
    save(tmp_path, ".out.replaced/index.json", b"{}")
    import_catalog([str(documents)], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["documents", "out"]


def test_nothing_importable_at_all_is_an_error(tmp_path: Path) -> None:
    save(tmp_path, "in/a.json", b"{")
    save(tmp_path, "in/b.json", b"[]")
    with pytest.raises(CatalogError, match="none of 2 documents"):
        import_catalog([str(tmp_path / "in")], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("index.json", b"{", "damaged"),
        ("index.json", b"[]", "damaged"),
        ("index.json", b'{"format": "other"}', "not a catalog"),
        ("index.json", b'{"format": "toolwise-catalog", "version": 99, "toolsets": []}', "version 99"),
        ("index.json", None, "not a catalog"),
        ("toolsets.jsonl", b"short", "damaged"),
        ("left_out.jsonl", b"{}\n", "damaged"),
    ],
)
def test_a_damaged_catalog_says_so(catalog: CatalogFile, name: str, content: bytes | None, message: str) -> None:
    path = catalog.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(CatalogError, match=message):
        opened = open_catalog(catalog.folder)
        list(opened.tools())
        list(opened.left_out())


def test_a_catalog_made_in_python_can_be_saved(tmp_path: Path) -> None:
    path = save(tmp_path, "a.json", DISCOVERY)
    toolsets = [item for item in import_sources([str(path)]) if isinstance(item, Toolset)]
    item = LeftOut(source="x", reason=LeftOutReason.NO_OPERATIONS, detail="none")
    write_catalog(toolsets, tmp_path / "out", [item])
    opened = open_catalog(tmp_path / "out")
    assert list(opened) == toolsets
    assert list(opened.left_out()) == [item]


@given(st.lists(st.sampled_from(sorted(ALL)), min_size=1, unique=True))
def test_any_selection_of_documents_round_trips(tmp_path_factory: pytest.TempPathFactory, chosen: list[str]) -> None:
    folder = tmp_path_factory.mktemp("selection")
    paths = [str(save(folder, f"{name}.json", ALL[name])) for name in chosen]
    summary = import_catalog(paths, folder / "out")
    opened = open_catalog(folder / "out")
    assert summary.toolsets == len(chosen)
    assert [opened.tool(tool_id).id for tool_id in opened.tool_ids()] == list(opened.tool_ids())


def test_gzip_files_are_read(tmp_path: Path) -> None:
    path = save(tmp_path, "service-2.json.gz", gzip.compress(orjson.dumps(AWS_SERVICE)))
    (toolset,) = (item for item in import_sources([str(path)]) if isinstance(item, Toolset))
    assert toolset.name == "aws_spoons"


@pytest.mark.parametrize("package", ["google", "aws"])
def test_documents_that_packages_carry(package: str, tmp_path: Path) -> None:
    pytest.importorskip({"google": "googleapiclient", "aws": "botocore"}[package])
    from toolwise.catalog import importing, sources

    wanted = ("drive.v3", "gmail.v1", "pubsub.v1.json", "aws:s3/", "aws:dynamodb/", "aws:sqs/")
    everything = sources.google_documents() if package == "google" else sources.aws_documents()
    assert len(everything) > 100
    few = [located for located in everything if any(part in located.source for part in wanted)]
    assert len(few) == 3
    rows = list(importing._rows(few, toolwise.catalog.SourceFormat.AUTO, lambda event: None))
    assert [row.left_out for row in rows] == [[], [], []]
    for row in rows:
        toolset = Toolset.model_validate(row.toolset)
        assert toolset.category != "Other"
        assert len(toolset.tools) > 15
        for tool in toolset.tools:
            assert tool.description
            Validator(tool.parameters, tool.definitions)
            Validator(tool.returns or {}, tool.definitions)
