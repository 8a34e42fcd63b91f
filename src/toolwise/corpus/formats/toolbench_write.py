"""Trajectories as ToolBench's answer files, and conversations as the rows on which ToolLLaMA was trained.

What the format cannot hold: several calls of one message become replies of their own; words beside a call join the
thought; sources, injected faults and error kinds without a code of their own; rows in which the user speaks again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from toolwise.corpus.formats.losses import CannotHoldError, LossReason
from toolwise.corpus.formats.naming import FINISH, ToolBenchOffer, toolbench_parameters
from toolwise.corpus.formats.statuses import Code, code_of_kind
from toolwise.corpus.formats.toolbench_tree import ACTION, GIVE_ANSWER, GIVE_UP, INPUT, SIDE, THOUGHT, children_of
from toolwise.types import Node, Role, StopReason, Task, ToolCall, Trajectory

_ELO = 1000.0
_FAILED_REPLY = -1
"""ToolBench's error code of a model call that failed."""
_STEPS = 12
"""ToolBench's usual limit of a chain, in nodes; stated where no branch reached a limit."""
_MARKED = 2
"""Steps above an answer whose nodes ToolBench marks as finished."""
_OBSERVED = {
    StopReason.ANSWERED: ("successfully giving the final answer.", Code.ANSWERED),
    StopReason.GAVE_UP: ("chose to give up and restart", Code.GAVE_UP),
}


def finish_function() -> dict[str, Any]:
    """The function by which ToolBench's models answer or give up."""
    return {
        "name": FINISH,
        "description": "End the attempt: give the user the final answer with everything asked for, or give up, so "
        "that another way can be tried.",
        "parameters": {
            "type": "object",
            "properties": {
                "return_type": {"type": "string", "enum": [GIVE_ANSWER, GIVE_UP]},
                "final_answer": {
                    "type": "string",
                    "description": "What the user is told, if return_type is give_answer.",
                },
            },
            "required": ["return_type"],
            "optional": ["final_answer"],
        },
    }


def finish_arguments(why: StopReason, said: str) -> str:
    """The input of `Finish`, as JSON."""
    act = GIVE_ANSWER if why is StopReason.ANSWERED else GIVE_UP
    return orjson.dumps({"return_type": act, "final_answer": said}).decode()


def toolbench_functions(offer: ToolBenchOffer) -> list[dict[str, Any]]:
    """The candidates in ToolBench's form, and `Finish`."""
    made: list[dict[str, Any]] = []
    for tool, shown in zip(offer.tools, offer.functions(), strict=True):
        function = shown["function"]
        told = f'This is the subfunction for tool "{tool.toolset}", you can use this tool.'
        if function["description"]:
            told += f'The description of this function is: "{function["description"]}"'
        parameters = toolbench_parameters(function["parameters"])
        made.append({"name": function["name"], "description": told, "parameters": parameters})
    return [*made, finish_function()]


class _Grower:
    """Grows ToolBench's tree from ours, in our order."""

    def __init__(self, trajectory: Trajectory, offer: ToolBenchOffer) -> None:
        self._trajectory = trajectory
        self._offer = offer
        self._calls: dict[str, ToolCall] = {}
        self._replies = 0
        self._answered = {node.message.tool_call_id for node in trajectory.nodes if node.message.role is Role.TOOL}
        self.root = self._node(INPUT, "", 0)
        self._at: list[dict[str, Any]] = []
        """For each node of ours, the raw node below which its children hang."""
        self.depths: dict[int, int] = {}
        """Our leaf -> its raw node's depth."""

    def grow(self) -> dict[str, Any]:
        """Raises CannotHoldError."""
        for index, node in enumerate(self._trajectory.nodes):
            if node.parent is None:
                self._at.append(self.root)
            elif node.message.role is Role.ASSISTANT:
                self._at.append(self._reply(index, node))
            elif node.message.role is Role.TOOL:
                self._at.append(self._observed(node))
            else:
                raise CannotHoldError(LossReason.USER_TURNS)
        for leaf, why in self._trajectory.ends.items():
            raw = self._at[leaf]
            self.depths[leaf] = raw["depth"]
            raw["pruned"] = why not in (StopReason.ANSWERED, StopReason.BUDGET)
        return self.root

    def _reply(self, index: int, node: Node) -> dict[str, Any]:
        message, end = node.message, self._trajectory.ends.get(index)
        below = self._at[node.parent or 0]
        finishing = end in _OBSERVED
        thought = message.thought if finishing else "\n".join(filter(None, (message.thought, message.content)))
        if thought or (not finishing and not message.tool_calls):
            below = self._hang(below, THOUGHT, thought)
        if finishing and end is not None:
            observed, code = _OBSERVED[end]
            below = self._hang(self._hang(below, ACTION, FINISH), INPUT, finish_arguments(end, message.content))
            below |= {"observation": orjson.dumps({"response": observed}).decode(), "observation_code": int(code)}
        for call in message.tool_calls:
            self._calls[call.id] = call
            if call.id not in self._answered:
                raise CannotHoldError(LossReason.UNOBSERVED_CALL)
        if not message.tool_calls:
            self._count(below)
            if end is StopReason.POLICY_ERROR:
                below["observation_code"] = _FAILED_REPLY
            elif end is StopReason.UNPARSABLE:
                below["observation_code"] = int(Code.BAD_INPUT)
        return below

    def _observed(self, node: Node) -> dict[str, Any]:
        call = self._calls[node.message.tool_call_id]
        action = self._hang(self._at[node.parent or 0], ACTION, self._offer.name(call.name))
        below = self._hang(action, INPUT, orjson.dumps(call.arguments).decode())
        if node.message.content:
            below["observation"] = node.message.content
        below["observation_code"] = code_of_kind(node.error)
        self._count(below)
        return below

    def _count(self, raw: dict[str, Any]) -> None:
        self._replies += 1
        raw["expand_num"] = self._replies

    def _hang(self, parent: dict[str, Any], kind: str, text: str) -> dict[str, Any]:
        made = self._node(kind, text, parent["depth"] + 1)
        parent["children"].append(made)
        parent["child_count"] += 1
        return made

    def _node(self, kind: str, text: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {
            "is_terminal": False,
            "pruned": False,
            "finished": False,
            "depth": depth,
            "node_type": kind,
            "description": text,
            "Elo": _ELO,
            "child_count": 0,
            "expand_num": 0,
        }
        if kind == INPUT:
            made["io_state"] = {}
        made["children"] = []
        return made


def answer_document(task: Task, trajectory: Trajectory, offer: ToolBenchOffer) -> dict[str, Any]:
    """The trajectory as an answer file of ToolBench; `read_answer` is the way back. Raises CannotHoldError."""
    grower = _Grower(trajectory, offer)
    root = grower.grow()
    limits = [grower.depths[leaf] for leaf, why in trajectory.ends.items() if why is StopReason.STEP_LIMIT]
    paths = list(_answers(root))
    for path in paths:
        _mark_finished(path)
    gave_up = next((leaf for leaf, why in trajectory.ends.items() if why is StopReason.GAVE_UP), None)
    final = paths[0][-1]["description"] if paths else ""
    if not paths and gave_up is not None:
        final = finish_arguments(StopReason.GAVE_UP, trajectory.nodes[gave_up].message.content)
    size, longest = _extent(root)
    return {
        "win": bool(paths),
        "tree": {"size": size, "max_length": longest, "tree": root},
        "forward_args": {
            "single_chain_max_step": min(limits, default=max(_STEPS, longest)),
            "tree_beam_size": 2 if trajectory.strategy == "dfsdt" else 1,
            "max_query_count": trajectory.budget,
            "answer": 1,
            "with_filter": False,
        },
        "compare_candidates": [[_alone(node) for node in path[1:]] for path in paths],
        "answer_generation": {
            "valid_data": bool(paths) or gave_up is not None,
            "query_count": trajectory.model_calls,
            "total_tokens": 0,
            "final_answer": final,
            "finish_type": "give_answer" if paths or gave_up is None else "give_up",
            "function": toolbench_functions(offer),
            "chain": [],
            "train_messages": [],
            "query": task.instruction,
        },
        SIDE: {
            "task_key": task.key,
            "strategy": trajectory.strategy,
            "policy": trajectory.policy,
            "tool_ids": offer.tool_ids,
        },
    }


def _answers(root: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The root-to-leaf paths that end with an answer."""
    stack: list[list[dict[str, Any]]] = [[root]]
    while stack:
        path = stack.pop()
        if path[-1].get("observation_code") == Code.ANSWERED:
            yield path
        stack.extend([*path, child] for child in reversed(path[-1]["children"]))


def _mark_finished(path: Sequence[dict[str, Any]]) -> None:
    """The answer and the nodes above it, up to `_MARKED` action inputs."""
    left = _MARKED
    for node in reversed(path):
        node["finished"] = True
        left -= node["node_type"] == INPUT
        if left < 0:
            return


def _alone(node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key != "children"}


def _extent(root: Mapping[str, Any]) -> tuple[int, int]:
    """Nodes in all, and on the longest path."""
    size, longest, stack = 0, 0, [root]
    while stack:
        node = stack.pop()
        size += 1
        longest = max(longest, node["depth"] + 1)
        stack.extend(children_of(node))
    return size, longest
