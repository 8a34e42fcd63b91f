"""What can be imported: files, folders, addresses, the documents that PyPI packages carry, and live sources."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from toolwise.catalog.documents import MAX_BYTES, DocumentError
from toolwise.catalog.draft import Draft
from toolwise.catalog.left_out import LeftOutReason
from toolwise.errors import CatalogError, MissingExtraError, ToolwiseError

GOOGLE = "google"
"""The discovery documents inside the package google-api-python-client."""
AWS = "aws"
"""The service models inside the package botocore."""

MCP = "mcp:"
"""Begins a source that is an MCP server: a command line, or an http(s) address."""
PYTHON = "python:"
"""Begins a source that is an importable Python module."""

_LINES = (".jsonl", ".ndjson")
_SUFFIXES = (".json", ".yaml", ".yml", *_LINES, *(f"{suffix}.gz" for suffix in _LINES))

_FETCH_S = 120.0

Fetch = Callable[[str], bytes]
"""Reads what is at an address that the user typed, at most MAX_BYTES of it. Raises a ToolwiseError."""


@dataclass(frozen=True, slots=True)
class Located:
    """One document to read."""

    path: Path
    source: str
    """How the catalog names it: a package or folder, and the path inside; never a path of this machine."""
    alone: bool = False
    """This file is the only source, so that failing to read it is an error."""

    @property
    def name(self) -> str:
        """The file's name, by whose ending YAML and JSON lines are known."""
        return self.path.name

    @property
    def identity(self) -> str:
        """The same for two ways to name one file."""
        return os.path.realpath(self.path)

    def __str__(self) -> str:
        return str(self.path)

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


@dataclass(frozen=True, slots=True)
class Address:
    """A document at an http(s) address that the user typed."""

    url: str
    source: str
    fetch: Fetch
    alone: bool = False

    @property
    def name(self) -> str:
        return unquote(urlsplit(self.url).path).rsplit("/", 1)[-1] or "document"

    @property
    def identity(self) -> str:
        return self.url

    def __str__(self) -> str:
        return self.source

    def read(self) -> bytes:
        """Raises DocumentError."""
        try:
            data = self.fetch(self.url)
        except MissingExtraError:
            raise
        except ToolwiseError as error:
            raise DocumentError(LeftOutReason.UNREACHABLE, str(error)) from error
        if len(data) > MAX_BYTES:
            raise DocumentError(LeftOutReason.TOO_LARGE, f"larger than {MAX_BYTES >> 20} MiB")
        return data


@dataclass(frozen=True, slots=True)
class Live:
    """A source that is asked for its tools: an MCP server or a Python module."""

    source: str
    """How messages name it: without variables, which may hold secrets, and without a path of this machine."""
    identity: str
    """What the user typed."""
    ask: Callable[[], list[Draft]]
    alone: bool = False

    def __str__(self) -> str:
        return self.source

    def drafts(self) -> list[Draft]:
        """Raises DocumentError, MissingExtraError."""
        try:
            return self.ask()
        except MissingExtraError:
            raise
        except ToolwiseError as error:
            raise DocumentError(LeftOutReason.UNREACHABLE, str(error)) from error


Source = Located | Address | Live


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
        paths = sorted(p for p in folder.rglob("*") if p.name.lower().endswith(_SUFFIXES) and not p.is_dir())
    except OSError as error:
        raise CatalogError(f"{folder}: cannot be listed: {error.strerror}") from error
    if not paths:
        raise CatalogError(f"{folder}: no .json, .jsonl, .ndjson, .yaml or .yml file in this folder")
    return [Located(path, path.relative_to(folder).as_posix()) for path in paths]


def fetch_typed(url: str) -> bytes:
    """Read a document at an address that the user typed. Raises a ToolwiseError.

    Typing it allows its host, wherever that is; a redirect to another private or loopback address is refused.
    """
    from toolwise.connections.http import HttpLimits, fetch

    return fetch(url, allow=[url], limits=HttpLimits(total_s=_FETCH_S, max_bytes=MAX_BYTES)).content


def _ask_mcp(spec: str) -> list[Draft]:
    from toolwise.catalog.mcp_source import mcp_drafts

    return mcp_drafts(spec)


def _ask_python(reference: str) -> list[Draft]:
    from toolwise.catalog.python_source import python_drafts

    return python_drafts(reference)


def locate(sources: Sequence[str], fetch: Fetch = fetch_typed) -> list[Source]:
    """All documents of all sources, each once, in a fixed order. Raises CatalogError, MissingExtraError.

    Nothing is read yet, and nothing is fetched or started.
    """
    if not sources:
        raise CatalogError(f"no source given; name files, folders, addresses, {MCP!r}…, {GOOGLE!r} or {AWS!r}")
    return list(_each_once(sources, fetch))


def _each_once(sources: Sequence[str], fetch: Fetch) -> Iterator[Source]:
    seen: set[str] = set()
    for source in sources:
        for located in _locate_one(source, fetch, only=len(sources) == 1):
            if located.identity not in seen:
                seen.add(located.identity)
                yield located


def _without_secrets(url: str) -> str:
    """An address without what may be a password: user information, query and fragment."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _shown(source: str) -> str:
    from toolwise.connections.mcp_spec import read_spec

    try:
        return f"{MCP}{read_spec(source).shown}"
    except CatalogError:  # asking will say what is wrong
        return f"{MCP}…"


def _locate_one(source: str, fetch: Fetch, *, only: bool) -> Sequence[Source]:
    packages = {GOOGLE: google_documents, AWS: aws_documents}
    if source in packages:
        return packages[source]()
    path = Path(source)
    if source.startswith(MCP):
        return [Live(_shown(source), source, lambda: _ask_mcp(source), alone=only)]
    if source.startswith(PYTHON) or (path.suffix == ".py" and path.is_file()):
        return [
            Live(source if source.startswith(PYTHON) else path.name, source, lambda: _ask_python(source), alone=only)
        ]
    if source.lower().startswith(("http://", "https://")):
        return [_address(source, fetch, only)]
    return _on_disk(path, only)


def _address(source: str, fetch: Fetch, only: bool) -> Address:
    try:
        return Address(source, _without_secrets(source), fetch, alone=only)
    except ValueError as error:
        raise CatalogError(f"{source[:200]}: not an address: {error}") from error


def _on_disk(path: Path, only: bool) -> list[Located]:
    try:
        if path.is_dir():
            return _folder(path)
        if path.exists():
            return [Located(path, path.name, alone=only)]
    except (OSError, ValueError) as error:  # too long a name; a NUL in it
        raise CatalogError(f"{str(path)[:200]!r}: {error}") from error
    raise CatalogError(
        f"{path}: no such file or folder (also known: {GOOGLE}, {AWS}, {MCP}COMMAND, {PYTHON}MODULE, http(s)://…)"
    )
