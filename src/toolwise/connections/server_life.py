"""What became of a server's process: why it ended, and what it said last."""

from __future__ import annotations

import os
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

LAST_WORDS = 2_000
"""Bytes of standard error that are kept."""


@dataclass
class ServerLife:
    """What became of a server's process."""

    fault: str = ""
    """Why we ended it; empty where we did not."""
    said: deque[bytes] = field(default_factory=lambda: deque(maxlen=20))
    """The last of what it wrote to standard error."""
    pid: int = 0
    returncode: int | None = None

    def account(self) -> str:
        """One line: the fault, or how it ended, with its own last words."""
        words = b"".join(self.said)[-LAST_WORDS:].decode(errors="replace").strip().splitlines()
        last = f"; it wrote: {words[-1].strip()[:200]}" if words else ""
        if self.fault:
            return self.fault
        if self.returncode is not None:
            return f"the server ended with status {self.returncode}{last}"
        return f"the server closed the connection{last}"

    def kill(self) -> None:
        """End the process and its descendants at once, from any thread."""
        if self.pid and self.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
