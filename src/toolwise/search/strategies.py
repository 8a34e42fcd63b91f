"""ReAct, ReAct@N and DFSDT: one depth-first search with an explicit stack."""

from __future__ import annotations

from dataclasses import dataclass, field

from toolwise.ports import Policy, Tools, World
from toolwise.search.config import SearchConfig, Strategy
from toolwise.search.expansion import expand
from toolwise.search.forks import Fork, Forks
from toolwise.search.tree import ROOT, Tree
from toolwise.types import StopReason, Task, Tool, Trajectory


async def search(task: Task, policy: Policy, world: World, tools: Tools, config: SearchConfig) -> Trajectory:
    """Let the policy attempt the task; stop at its first answer.

    DFSDT (ToolLLM, arXiv 2307.16789, section 3.2) expands a child and goes down at once; a branch that ends in
    vain is taken back `config.backtrack` steps, and another child is asked for there. ReAct is the same search
    with one child a node, ReAct@N that again from the start. All strategies count the same budget of model calls.

    Raises KeyError for a candidate that `tools` does not know, and WorldError where the world itself breaks.
    """
    tree = Tree(task, config.seed, config.budget)
    candidates = tuple(tools.tool(tool_id) for tool_id in task.candidates)
    chains = config.attempts if config.strategy is Strategy.REACT_N else 1
    width = config.width if config.strategy is Strategy.DFSDT else 1
    for _ in range(chains):
        forks = Forks(world, tree)
        answered = await _Descent(tree, forks, policy, candidates, width, config).run()
        if answered or tree.spent:
            break
    return tree.trajectory(config.strategy.value, policy.name)


@dataclass(slots=True)
class _Frame:
    """A node on the current path, and the leaves of the steps already tried below it."""

    fork: Fork
    children: list[int] = field(default_factory=list)


class _Descent:
    """One depth-first search from the root."""

    def __init__(
        self, tree: Tree, forks: Forks, policy: Policy, tools: tuple[Tool, ...], width: int, config: SearchConfig
    ) -> None:
        self._tree = tree
        self._forks = forks
        self._policy = policy
        self._tools = tools
        self._width = width
        self._max_steps = config.max_steps
        self._backtrack = config.backtrack
        self._stack = [_Frame(forks.mark(ROOT))]

    async def run(self) -> bool:
        """Search until an answer (true), or until nothing is left to try or to spend (false)."""
        while self._stack:
            frame = self._stack[-1]
            if len(frame.children) >= self._width:
                self._stack.pop()
                continue
            if self._tree.spent:
                if not frame.children:
                    self._tree.end(frame.fork.node, StopReason.BUDGET)
                return False
            if await self._step(frame):
                return True
        return False

    async def _step(self, frame: _Frame) -> bool:
        step = await expand(
            self._tree, frame.fork, self._forks, self._policy, self._tools, siblings=tuple(frame.children)
        )
        frame.children.append(step.leaf)
        end = step.end
        if end is None and len(self._stack) >= self._max_steps:
            end = StopReason.STEP_LIMIT
        if end is None:
            self._stack.append(_Frame(self._forks.mark(step.leaf)))
            return False
        self._tree.end(step.leaf, end)
        if end is not StopReason.ANSWERED:
            self._back_up()
        return end is StopReason.ANSWERED

    def _back_up(self) -> None:
        """Leave the ended step's node and its ancestors, `backtrack` steps in all, but never the root."""
        leave = min(self._backtrack - 1, len(self._stack) - 1)
        del self._stack[len(self._stack) - leave :]
