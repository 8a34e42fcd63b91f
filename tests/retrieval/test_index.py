from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toolwise.errors import CatalogError, ConfigError
from toolwise.retrieval import Encoder, IndexMissingError, IndexStaleError, build_index, open_retriever, read_summary
from toolwise.retrieval.documents import FIELDS
from toolwise.types import Toolset


@pytest.fixture
def encoder() -> Encoder:
    empty = np.zeros(0, dtype=np.float32)
    return Encoder({}, np.zeros((0, 64), dtype=np.float32), empty, empty, np.ones(len(FIELDS), dtype=np.float32))


def test_every_retriever_opens_and_finds(toolsets: list[Toolset], encoder: Encoder, tmp_path: Path) -> None:
    summary = build_index(toolsets, tmp_path / "index", encoder, fingerprint="f")
    assert (summary.tools, summary.retrievers) == (40, ("bm25", "dense", "fusion"))
    for name in summary.retrievers:
        retriever = open_retriever(tmp_path / "index", name, fingerprint="f")
        assert retriever.name == name
        assert retriever.search(["delete a folder"], 1)[0][0].tool == "alpha.deleteFolder"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index"]


def test_without_an_encoder_there_is_bm25_only(toolsets: list[Toolset], tmp_path: Path) -> None:
    build_index(toolsets, tmp_path / "index")
    assert open_retriever(tmp_path / "index", "bm25").search(["list"], 1)[0]
    with pytest.raises(ConfigError, match="train an encoder first"):
        open_retriever(tmp_path / "index", "fusion")
    with pytest.raises(ConfigError, match=r"only: bm25$"):
        open_retriever(tmp_path / "index", "grep")


def test_an_absent_a_stale_and_a_broken_index_are_told_apart(toolsets: list[Toolset], tmp_path: Path) -> None:
    with pytest.raises(IndexMissingError, match="no search index"):
        open_retriever(tmp_path / "index", "bm25")
    build_index(toolsets, tmp_path / "index", fingerprint="old")
    with pytest.raises(IndexStaleError, match="another state of the catalog"):
        open_retriever(tmp_path / "index", "bm25", fingerprint="new")
    path = tmp_path / "index" / "index.json"
    path.write_text(path.read_text().replace('"rendering": "1"', '"rendering": "0"'))
    with pytest.raises(IndexStaleError, match="another version"):
        read_summary(tmp_path / "index")
    path.write_text("{")
    with pytest.raises(CatalogError, match="cannot read"):
        read_summary(tmp_path / "index")


def test_building_again_replaces_and_a_foreign_folder_is_left_alone(toolsets: list[Toolset], tmp_path: Path) -> None:
    build_index(toolsets, tmp_path / "index", fingerprint="1")
    assert build_index(toolsets[:1], tmp_path / "index", fingerprint="2").tools == 16
    assert read_summary(tmp_path / "index").fingerprint == "2"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_text("")
    with pytest.raises(CatalogError, match="not a search index"):
        build_index(toolsets, tmp_path / "photos")


def test_the_same_catalog_gives_the_same_bytes(toolsets: list[Toolset], encoder: Encoder, tmp_path: Path) -> None:
    for name in ("one", "two"):
        build_index(toolsets, tmp_path / name, encoder)
    for path in sorted((tmp_path / "one").rglob("*")):
        if path.is_file() and path.name != "index.json":
            assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes(), path.name
    assert read_summary(tmp_path / "one").fingerprint == read_summary(tmp_path / "two").fingerprint
