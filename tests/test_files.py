from pathlib import Path

import pytest

from toolwise.errors import RunError
from toolwise.files import write_lines


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_lines(path, [b"1"])

    def broken() -> object:
        yield b"2"
        raise ValueError("broken row")

    with pytest.raises(ValueError, match="broken row"):
        write_lines(path, broken())  # type: ignore[arg-type]
    assert path.read_bytes() == b"1\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.jsonl"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / ".rows.jsonl.partial").symlink_to("/dev/full")
    with pytest.raises(RunError, match="free some space"):
        write_lines(tmp_path / "rows.jsonl", [b"x" * 100_000])
