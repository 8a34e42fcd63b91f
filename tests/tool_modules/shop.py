# ruff: noqa: ANN201, T201 - its tools print, and lack hints, on purpose
"""A small shop that keeps its orders.

It serves the tests of imported Python tools.
"""

import asyncio
import builtins
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Optional, TypedDict
from uuid import UUID

from pydantic import BaseModel, Field


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


@dataclass
class Item:
    """One item of an order."""

    name: str
    count: int = 1


class Order(BaseModel):
    id: int
    items: list[Item]
    note: str | None = None


class Where(TypedDict, total=False):
    city: str


_orders: dict[int, Order] = {}


def place_order(items: list[Item], where: Where, size: Size = Size.SMALL, when: datetime | None = None) -> Order:
    """Place an order.

    The order is kept until the shop closes.

    Args:
        items: What to order.
        where: Where it goes.
        size: How large the parcel is.

    Returns:
        The order as it was placed.

    Example:
        >>> place_order([{"name": "pen"}], {"city": "Rome"})
    """
    print("a line that is no reply")
    os.write(1, b"and one that goes round sys.stdout\n")
    assert isinstance(items[0], Item)
    assert isinstance(size, Size)
    assert when is None or isinstance(when, datetime)
    order = Order(id=len(_orders) + 1, items=items, note=str(where))
    _orders[order.id] = order
    return order


def get_order(id: int) -> Order:  # noqa: A002
    """Get an order.

    Parameters
    ----------
    id : int
        The order's number.
    """
    return _orders[id]


def area(width: Annotated[float, Field(gt=0)], height: float = 2.0, *, unit: Literal["m", "cm"] = "m") -> float:
    """Compute an area.

    :param width: How wide it is.
    :param height: How high it is.
    :returns: The area.

    >>> area(2, height=3)
    6
    """
    return width * height


def send_all(ids: list[UUID], paths: dict[str, Path], maybe: Optional[int] = None, pair: tuple[int, str] = (1, "a")):  # noqa: UP045
    """Send everything."""
    return {"ids": [str(i) for i in ids], "kinds": [type(p).__name__ for p in paths.values()], "pair": list(pair)}


async def wait_for(seconds: float = 0.0) -> str:
    """Wait for a while."""
    await asyncio.sleep(seconds)
    return "waited"


@lru_cache
def cached(number: int) -> int:
    """Give a number back."""
    return number


class Tools:
    """Functions of a class."""

    @staticmethod
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    def method(self) -> None:
        """Needs an object, so that it is no tool."""


def marked() -> str:
    """Is marked as reading only."""
    return "marked"


marked.toolwise_hints = {"read_only": True, "destructive": False}


def positional(first: int, /, second: int = 2, *rest: int, **more: int) -> list[int]:
    """Take arguments of all kinds."""
    return [first, second]


def partly(number: int, callback: Callable[[int], int] | None = None, broken: "NoSuchType" = None) -> int:  # noqa: F821
    """Have a parameter that no JSON can give."""
    return number


def needs_callback(callback: Callable[[int], int]) -> int:
    """Cannot be a tool."""
    return callback(1)


def generates() -> Iterator[int]:
    """Cannot be a tool either."""
    yield 1


def nothing() -> None:
    """Return nothing."""


def loop() -> None:
    """Never end."""
    while True:
        pass


def end() -> None:
    """End the process at once."""
    os._exit(3)


def leave() -> None:
    """Ask the interpreter to end."""
    sys.exit("goodbye")


def crash() -> None:
    """Crash the interpreter."""
    import ctypes

    ctypes.string_at(0)


def fork() -> str:
    """Fork; both copies go on."""
    os.fork()
    return "forked"


def close_all() -> str:
    """Close every file descriptor."""
    os.closerange(0, 100)
    return "closed"


def print_much() -> str:
    """Print more than a pipe holds."""
    for _ in range(3000):
        print("y" * 1000)
    return "printed"


def answer_much() -> str:
    """Return a long text."""
    return "x" * 5_000_000


def use_memory() -> int:
    """Use more memory than there may be."""
    return len(bytearray(10**12))


def odd_result() -> Any:
    """Return what is no JSON."""
    return object()


def raises(kind: str) -> None:
    """Raise an exception of that name."""
    raise getattr(builtins, kind)("the message")


def write_file(name: str, text: str) -> str:
    """Write a file into the working directory."""
    Path(name).write_text(text)
    return str(Path(name).resolve())


def environment() -> dict[str, str]:
    """Show the environment."""
    return dict(os.environ)


def delete_order(id: int) -> None:  # noqa: A002
    """Delete an order."""
    del _orders[id]


def _private() -> None:
    """Is no tool."""


def __toolwise_state__() -> dict[int, Any]:  # noqa: N807
    return {number: order.model_dump() for number, order in _orders.items()}
