"""What goes wrong on purpose at a rehearsal server: how often, in which ways, reproducibly."""

from __future__ import annotations

from collections import OrderedDict
from enum import StrEnum

from toolwise.types import content_key

_REMEMBERED = 100_000
_BURST = 4
"""So many requests in a row meet a 429 when one does."""


class TeacherFault(StrEnum):
    """One way in which a teacher fails."""

    RATE_LIMIT = "rate_limit"
    """429 with Retry-After, to this request and the next few."""
    SERVER_ERROR = "server_error"
    """500."""
    RESET = "reset"
    """The connection is reset without an answer."""
    SLOW_BODY = "slow_body"
    """The answer's second half comes late."""
    INVALID_JSON = "invalid_json"
    """A 200 whose body is cut in the middle."""
    UNKNOWN_TOOL = "unknown_tool"
    """The model calls a tool that was not on offer."""
    BAD_ARGUMENTS = "bad_arguments"
    """The model's arguments are no JSON."""
    TRUNCATION = "truncation"
    """The model's answer stops in the middle, with finish reason `length`."""


PASSING = (
    TeacherFault.RATE_LIMIT,
    TeacherFault.SERVER_ERROR,
    TeacherFault.RESET,
    TeacherFault.SLOW_BODY,
    TeacherFault.INVALID_JSON,
)
"""Drawn anew each time a request comes: trying again helps."""
LASTING = (TeacherFault.UNKNOWN_TOOL, TeacherFault.BAD_ARGUMENTS, TeacherFault.TRUNCATION)
"""The model's own: they follow from the request, as its answers do, so a resumed run meets the same ones."""


class FaultPlan:
    """Decides which requests fail; the same requests in the same order fail alike."""

    def __init__(self, rate: float, seed: int) -> None:
        self._rate = rate
        self._seed = seed
        self._seen: OrderedDict[str, int] = OrderedDict()
        self._burst = 0

    def draw(self, digest: str) -> TeacherFault | None:
        """The fault that a request with this digest meets now, if any."""
        if not self._rate:
            return None
        if self._burst:
            self._burst -= 1
            return TeacherFault.RATE_LIMIT
        time = self._count(digest)
        passing = self._rate * len(PASSING) / len(TeacherFault)
        fault = _pick(PASSING, passing, content_key("passing", self._seed, digest, time))
        if fault is TeacherFault.RATE_LIMIT:
            self._burst = _BURST - 1
        if fault is not None:
            return fault
        return _pick(LASTING, self._rate - passing, content_key("lasting", self._seed, digest))

    def _count(self, digest: str) -> int:
        time = self._seen.pop(digest, 0)
        self._seen[digest] = time + 1
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return time


def _pick(faults: tuple[TeacherFault, ...], rate: float, key: str) -> TeacherFault | None:
    point = int(key[:12], 16) / 16**12
    return faults[int(point / rate * len(faults))] if point < rate else None
