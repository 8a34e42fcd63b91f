"""Forked state: every branch of a search starts from its parent's state of the world."""

from __future__ import annotations

from dataclasses import dataclass

from toolwise.ports import Session, World
from toolwise.search.tree import ROOT, Tree


@dataclass(frozen=True, slots=True)
class Fork:
    """A point of the tree to come back to."""

    node: int
    snapshot: object | None
    """None where the world cannot fork."""


class Forks:
    """Brings the world to any node of the tree.

    By restoring the node's snapshot or, where the world cannot fork, by making the path's calls again in a
    fresh session; their observations are then not recorded a second time, and a world that answers differently
    on another run goes unnoticed until verification replays the branch.
    """

    def __init__(self, world: World, tree: Tree) -> None:
        self._world = world
        self._tree = tree
        self._session = world.open(tree.task)
        self._at = ROOT
        """The node whose state the session is in; -1 in the middle of a step."""

    def mark(self, node: int) -> Fork:
        """Say that the session is now in this node's state, and remember it."""
        self._at = node
        return Fork(node, self._session.snapshot() if self._world.can_fork else None)

    async def enter(self, fork: Fork) -> Session:
        """The session in the fork's state, about to be changed by a step."""
        if self._at != fork.node:
            await self._move(fork)
        self._at = -1
        return self._session

    async def _move(self, fork: Fork) -> None:
        if self._world.can_fork:
            self._session.restore(fork.snapshot)
            return
        self._session = self._world.open(self._tree.task)
        for call in self._tree.calls_to(fork.node):
            await self._session.call(call)
