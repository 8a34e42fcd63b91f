"""What can be imported: files, folders, and the documents that PyPI packages carry."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from toolwise.catalog.documents import MAX_BYTES, DocumentError
from toolwise.catalog.left_out import LeftOutReason
from toolwise.errors import CatalogError, MissingExtraError

GOOGLE = "google"
"""The discovery documents inside the package google-api-python-client."""
AWS = "aws"
"""The service models inside the package botocore."""

_SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Located:
    """One document to read."""

    path: Path
    source: str
    """How the catalog names it: a package or folder, and the path inside; never a path of this machine."""
    alone: bool = False
    """This file is the only source, so that failing to read it is an error."""

    def read(self) -> bytes:
        """Raises DocumentError."""
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAX_BYTES:
                    raise DocumentError(
                        LeftOutReason.TOO_LARGE, f"{size >> 20} MiB; at most {MAX_BYTES >> 20} MiB are read"
                    )
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise DocumentError(LeftOutReason.UNREADABLE, error.strerror or str(error)) from error


def _package(name: str, feature: str) -> Path:
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(feature, "catalogs")
    return Path(next(iter(spec.submodule_search_locations)))


def google_documents() -> list[Located]:
    """Raises MissingExtraError."""
    folder = _package("googleapiclient", "importing Google's API documents") / "discovery_cache" / "documents"
    if not folder.is_dir():
        raise CatalogError(f"the installed google-api-python-client has no {folder.name}/; reinstall it")
    files = sorted(path for path in folder.glob("*.json") if path.name != "index.json")
    return [Located(path, f"google:{path.name}") for path in files]


def aws_documents() -> list[Located]:
    """The newest service model of each service. Raises MissingExtraError."""
    folder = _package("botocore", "importing AWS service models") / "data"
    located: list[Located] = []
    for service in sorted(folder.iterdir() if folder.is_dir() else ()):
        versions = sorted(service.iterdir(), reverse=True) if service.is_dir() else []
        models = (version / name for version in versions for name in ("service-2.json.gz", "service-2.json"))
        newest = next((model for model in models if model.is_file()), None)
        if newest is not None:
            located.append(Located(newest, f"aws:{newest.relative_to(folder).as_posix()}"))
    if not located:
        raise CatalogError("the installed botocore has no service models; reinstall it")
    return located


def _folder(folder: Path) -> list[Located]:
    try:
        paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SUFFIXES and not p.is_dir())
    except OSError as error:
        raise CatalogError(f"{folder}: cannot be listed: {error.strerror}") from error
    if not paths:
        raise CatalogError(f"{folder}: no .json, .yaml or .yml file in this folder")
    return [Located(path, path.relative_to(folder).as_posix()) for path in paths]


def locate(sources: Sequence[str]) -> list[Located]:
    """All documents of all sources, each file once, in a fixed order. Raises CatalogError, MissingExtraError."""
    if not sources:
        raise CatalogError(f"no source given; name files, folders, {GOOGLE!r} or {AWS!r}")
    return list(_each_once(sources))


def _each_once(sources: Sequence[str]) -> Iterator[Located]:
    seen: set[str] = set()
    for source in sources:
        for located in _locate_one(source, only=len(sources) == 1):
            real = os.path.realpath(located.path)
            if real not in seen:
                seen.add(real)
                yield located


def _locate_one(source: str, *, only: bool) -> list[Located]:
    path = Path(source)
    if source == GOOGLE:
        return google_documents()
    if source == AWS:
        return aws_documents()
    if path.is_dir():
        return _folder(path)
    if path.exists():
        return [Located(path, path.name, alone=only)]
    raise CatalogError(f"{source}: no such file or folder (known names: {GOOGLE}, {AWS})")
