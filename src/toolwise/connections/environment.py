"""What of our environment a process that runs tools gets without being given it."""

from __future__ import annotations

from collections.abc import Mapping

INHERITED = (
    "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER",
    "APPDATA", "LOCALAPPDATA", "PATHEXT", "PROGRAMFILES", "SYSTEMDRIVE", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE",
)  # fmt: skip
"""The variables that a server gets without being given them: none of them is a secret."""


def inherited_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that every server gets."""
    return {name: environment[name] for name in INHERITED if name in environment}
