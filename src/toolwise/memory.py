"""Giving memory back to the system."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress


def give_memory_back() -> None:
    """Return what was freed: allocators keep it for later, while other processes of the same run need the room now."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library, which has no such call
        ctypes.CDLL("libc.so.6").malloc_trim(0)
