"""What happens in a run that asks a language model, for whoever shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from toolwise.ports import Progress
from toolwise.types import Json


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not accepted."""

    key: str
    status: str
    """`rejected` or `failed`."""
    reason: str


@dataclass(frozen=True, slots=True)
class SessionEvent(Progress):
    """How a session stands. Counts are the run's, earlier sessions included; rates are this session's."""

    funnel: Mapping[str, int] = field(default_factory=dict)
    """`in`, `accepted`, `rejected`, `failed`, `pending`."""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    """None where the model's price is unknown."""
    in_flight: int = 0
    """Requests that wait for their answer."""
    calls_per_s: float = 0.0
    rows_per_s: float = 0.0
    seconds: float = 0.0
    """Since the session began."""
    seconds_left: float | None = None
    """At the session's rate; none while nothing is known."""
    budget_left: Mapping[str, float] = field(default_factory=dict)
    """What each limit still allows."""
    rejects: tuple[Reject, ...] = ()
    """The last ones, the latest last."""
    over: bool = False
    """Is this the session's last event?"""

    def as_json(self) -> dict[str, Json]:
        """The event as one JSON object."""
        document = asdict(self)
        del document["note"], document["values"]
        return {"event": "progress", **document}
