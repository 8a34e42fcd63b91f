"""Mistakes of whoever starts a server."""

import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from serving_catalog import command

from toolwise.errors import CatalogError, UserError
from toolwise.serve.launching import ServeOptions, serve_catalog


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"served_as": "soap"}, "mcp or http"),
        ({"served_as": "http", "stdio": True}, "--stdio"),
        ({"stdio": True, "port": 9}, "--stdio"),
        ({"served_as": "http", "port": 99999}, "99999"),
        ({"served_as": "http", "host": "no.such.host.invalid"}, "no.such.host.invalid"),
        ({"served_as": "http", "toolsets": ("nonesuch",)}, "nonesuch"),
        ({"seed": -1}, "seed"),
    ],
)
def test_a_mistake_is_named(one: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        serve_catalog(one, ServeOptions(**options), lambda about: None)


def test_a_folder_without_a_catalog_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="not a catalog"):
        serve_catalog(tmp_path, ServeOptions(), lambda about: None)


def test_a_taken_port_is_one_line(one: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ("--as", "http", "--port", port)
        done = subprocess.run(command(one, *options), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
