"""One step of a search: ask the policy, run the tools it calls."""

from __future__ import annotations

from dataclasses import dataclass

from toolwise.errors import ModelError
from toolwise.ports import Policy, Step, Turn
from toolwise.search.forks import Fork, Forks
from toolwise.search.tree import Tree
from toolwise.types import Message, Role, StopReason, Tool


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a step added to the tree."""

    leaf: int
    """The last node of the step."""
    end: StopReason | None
    """Why the branch ends here; none where it goes on."""


async def expand(
    tree: Tree, fork: Fork, forks: Forks, policy: Policy, tools: tuple[Tool, ...], siblings: tuple[int, ...] = ()
) -> Expansion:
    """Add one step below `fork`: the policy's message and, for each of its calls in order, the observation.

    `siblings` are the leaves of the earlier steps below the same node; the policy sees those steps and must
    differ from them. A failed call is an observation like any other: the policy sees it and goes on.
    A ModelError ends the branch; a WorldError is the caller's to count.
    """
    turn = Turn(
        task=tree.task,
        tools=tools,
        path=tree.path(fork.node),
        siblings=tuple(tree.messages_between(fork.node, leaf) for leaf in siblings),
        seed=tree.next_seed(),
    )
    try:
        step = await policy.act(turn)
    except ModelError as error:
        failure = Message(role=Role.ASSISTANT, thought=f"The policy failed: {error}")
        leaf = tree.add_assistant(fork.node, failure, sampled=False)
        return Expansion(leaf, StopReason.POLICY_ERROR)
    leaf = tree.add_assistant(fork.node, step.message)
    end = _end(step)
    if end is not None:
        return Expansion(leaf, end)
    session = await forks.enter(fork)
    for call in tree.message(leaf).tool_calls:
        leaf = tree.add_observation(leaf, call, await session.call(call))
    return Expansion(leaf, None)


def _end(step: Step) -> StopReason | None:
    """Does this message end its branch? One that neither says nor calls anything cannot be read."""
    if step.stop is not None:
        return step.stop
    if step.message.tool_calls:
        return None
    return StopReason.ANSWERED if step.message.content.strip() else StopReason.UNPARSABLE
