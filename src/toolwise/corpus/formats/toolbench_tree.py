"""ToolBench's answer files (arXiv 2307.16789): a search tree whose nodes are thoughts, actions and action inputs.

A reply of the model is a Thought, an Action with its Action Input, or both; here each reply is one assistant message,
and what an Action Input observed is a tool message. The function `Finish` is how ToolBench's model says that it
answers or gives up: here it is the end of a branch, and its words are the message's content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from toolwise.corpus.formats.naming import FINISH, ToolNames, schema_of, tool_id_of
from toolwise.corpus.formats.reading import DropReason, Note, Reading, ReadRow, drop, loose_json, text_of
from toolwise.corpus.formats.statuses import Code, kind_of_code
from toolwise.types import (
    Json,
    Message,
    Node,
    Provenance,
    Role,
    Split,
    StopReason,
    Task,
    TaskKind,
    Tool,
    ToolCall,
    Trajectory,
)

GIVE_ANSWER, GIVE_UP = "give_answer", "give_up_and_restart"
THOUGHT, ACTION, INPUT = "Thought", "Action", "Action Input"
KINDS = {"G1": TaskKind.SINGLE, "G2": TaskKind.CATEGORY, "G3": TaskKind.COLLECTION}
"""How ToolBench's files are named -> how their tools were drawn."""
SIDE = "toolwise"
"""The key beside ToolBench's own that keeps what it has no place for: ids, the strategy's and the policy's names."""
_ANSWER_MARK = '"final_answer":'


@dataclass(frozen=True)
class _Place:
    """Where a raw node hangs: the message above it, and the part of a reply that was read so far."""

    raw: Mapping[str, Any]
    parent: int
    """Index of the node of ours below which its message goes."""
    depth: int
    thought: str = ""
    action: str | None = None
    """The function's name, where this must be its input."""


@dataclass
class _Fold:
    """Folds raw nodes into messages. Walks with a stack of its own: a tree may be deeper than Python's."""

    instruction: str
    names: Mapping[str, str]
    """Function name -> tool id."""
    known: ToolNames
    reading: Reading
    max_depth: int
    spent: bool
    marked: bool
    """Do the nodes say which of them ended a reply (`expand_num`)?"""
    nodes: list[Node] = field(default_factory=list)
    ends: dict[int, StopReason] = field(default_factory=dict)
    raw_nodes: int = 1

    def run(self, root: Mapping[str, Any]) -> None:
        """Raises RowError."""
        self._add(None, Message(role=Role.USER, content=self.instruction))
        stack = self._below(root, 0, 0)
        if not stack:
            self._end_unfinished(root, 0, 0)
        while stack:
            stack.extend(self._fold(stack.pop()))

    def _below(self, raw: Mapping[str, Any], parent: int, depth: int, **part: str) -> list[_Place]:
        """The children, the last one first, as a stack wants them."""
        return [_Place(child, parent, depth + 1, **part) for child in reversed(children_of(raw))]

    def _fold(self, place: _Place) -> list[_Place]:
        self.raw_nodes += 1
        kind, text = place.raw.get("node_type"), place.raw.get("description")
        if not isinstance(text, str):
            drop(DropReason.BROKEN_TREE, "a node has no description")
        if kind == THOUGHT and place.action is None:
            return self._thought(place, text)
        if kind == ACTION and place.action is None:
            below = self._below(place.raw, place.parent, place.depth, thought=place.thought, action=text)
            return below or drop(DropReason.BROKEN_TREE, f"the action {text[:60]!r} has no input")
        if kind == INPUT and place.action is not None:
            return self._call(place, place.action, text)
        return drop(DropReason.BROKEN_TREE, f"a node of type {str(kind)[:40]!r} stands where it cannot")

    def _thought(self, place: _Place, text: str) -> list[_Place]:
        below = children_of(place.raw)
        goes_on = len(below) == 1 and below[0].get("node_type") == ACTION
        alone = bool(place.raw.get("expand_num")) if self.marked else not goes_on
        if place.thought:
            text = f"{place.thought}\n{text}"
        if goes_on and not alone:
            return self._below(place.raw, place.parent, place.depth, thought=text)
        index = self._add(place.parent, Message(role=Role.ASSISTANT, thought=text))
        if not below:
            self._end_unfinished(place.raw, index, place.depth)
        return self._below(place.raw, index, place.depth)

    def _call(self, place: _Place, name: str, text: str) -> list[_Place]:
        code = place.raw.get("observation_code")
        if name == FINISH and code in (Code.ANSWERED, Code.GAVE_UP):
            why = StopReason.ANSWERED if code == Code.ANSWERED else StopReason.GAVE_UP
            said = Message(role=Role.ASSISTANT, content=final_answer(text), thought=place.thought)
            self.ends[self._add(place.parent, said)] = why
            return [] if not children_of(place.raw) else drop(DropReason.BROKEN_TREE, "a branch goes on after its end")
        index = len(self.nodes)
        arguments, unread = self._arguments(name, text)
        call = ToolCall(id=f"call_{index}_0", name=self._tool(name), arguments=arguments)
        self._add(place.parent, Message(role=Role.ASSISTANT, content=unread, thought=place.thought, tool_calls=(call,)))
        if "observation" in place.raw or code is not None:  # an empty observation is not written
            content = text_of(place.raw.get("observation"))
            answer = Message(role=Role.TOOL, content=content, tool_call_id=call.id)
            self.nodes.append(Node(parent=index, message=answer, error=kind_of_code(code, content)))
            index += 1
        below = self._below(place.raw, index, place.depth)
        if not below:
            self._end_unfinished(place.raw, index, place.depth)
        return below

    def _tool(self, name: str) -> str:
        if name not in self.names:
            self.reading.note(Note.UNKNOWN_FUNCTION)
        return self.names.get(name, name)

    def _arguments(self, name: str, text: str) -> tuple[dict[str, Json], str]:
        """The arguments; and the text, where it is no JSON object."""
        try:
            given = loose_json(text) if text.strip() else {}
        except ValueError:
            given = None
        if not isinstance(given, dict):
            self.reading.note(Note.UNREADABLE_ARGUMENTS)
            return {}, text
        own = self.known.arguments(self.names.get(name, name), given)
        self.reading.note(Note.RENAMED_ARGUMENTS, int(own.keys() != given.keys()))
        return own, ""

    def _add(self, parent: int | None, message: Message) -> int:
        self.nodes.append(Node(parent=parent, message=message, sampled=message.role is Role.ASSISTANT))
        return len(self.nodes) - 1

    def _end_unfinished(self, raw: Mapping[str, Any], leaf: int, depth: int) -> None:
        """Why a branch without an answer or a give-up ended: a failed reply, the depth, or the budget."""
        code = raw.get("observation_code")
        if raw.get("node_type") == THOUGHT and code:
            unparsable = code == Code.BAD_INPUT
            self.ends[leaf] = StopReason.UNPARSABLE if unparsable else StopReason.POLICY_ERROR
            if not unparsable:
                self.nodes[leaf] = self.nodes[leaf].model_copy(update={"sampled": False})
        elif raw.get("pruned") and depth >= self.max_depth:
            self.ends[leaf] = StopReason.STEP_LIMIT
        elif not raw.get("pruned") and self.spent:
            self.ends[leaf] = StopReason.BUDGET
        else:
            self.reading.note(Note.END_UNKNOWN)


def children_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Raises RowError."""
    children = raw.get("children") or []
    if not isinstance(children, list) or not all(isinstance(child, dict) for child in children):
        drop(DropReason.BROKEN_TREE, "a node's children are no list of nodes")
    return children


def raw_nodes(root: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every node of a tree, parents first, older children first."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children_of(node)))


def final_answer(text: str) -> str:
    """The words in the input of `Finish`, even where that is cut or badly escaped."""
    try:
        given = loose_json(text)
    except ValueError:
        _, marked, rest = text.partition(_ANSWER_MARK)
        return rest.strip().removeprefix('"').removesuffix("}").rstrip().removesuffix('"') if marked else ""
    answer = given.get("final_answer", "") if isinstance(given, dict) else ""
    return answer if isinstance(answer, str) else str(answer)


def read_answer(document: Json, where: str, known: ToolNames, reading: Reading, split: Split = Split.TRAIN) -> ReadRow:
    """One answer file (a tree, or the chains of ReAct@N) as a task with its trajectory. Raises RowError.

    `where` is the file's path: its folder says the task's kind (G1, G2, G3), its name says who made it. `known` are
    the catalog's tools; without any, ids are made from the functions' names.
    """
    if not isinstance(document, dict) or not isinstance(document.get("answer_generation"), dict):
        drop(DropReason.UNKNOWN_SHAPE, "no answer file: it has no answer_generation")
    about, settings = document["answer_generation"], _dict(document.get("forward_args"))
    side = _dict(document.get(SIDE))
    instruction = text_of(about.get("query"))
    if not instruction.strip():
        drop(DropReason.NO_INSTRUCTION, "answer_generation has no query")
    tools, names = _offered(about.get("function"), _dict(side.get("tool_ids")), known)
    root, chains = _root(document)
    calls, budget = _count(about.get("query_count")), _count(settings.get("max_query_count"))
    fold = _Fold(
        instruction=instruction,
        names=names,
        known=known,
        reading=reading,
        max_depth=_count(settings.get("single_chain_max_step")),
        spent=bool(budget) and calls >= budget,
        marked=any(node.get("expand_num") for node in raw_nodes(root)),
    )
    fold.run(root)
    _compare(document, fold, reading)
    by_id = {tool.id: tool for tool in tools}
    trajectory = Trajectory(
        task_key="",
        strategy=text_of(side.get("strategy")) or _strategy(settings, chains),
        policy=text_of(side.get("policy")) or _policy(where),
        nodes=tuple(fold.nodes),
        ends=dict(sorted(fold.ends.items())),
        model_calls=calls,
        budget=budget,
    )
    candidates = tuple(dict.fromkeys(names.values()))
    task = Task(
        instruction=instruction,
        kind=kind_of(where, candidates),
        candidates=candidates,
        relevant=_relevant(trajectory, candidates),
        provenance=Provenance(teacher="toolbench", split=split),
    ).with_key()
    made = trajectory.model_copy(update={"task_key": task.key})
    return ReadRow(task, made, tuple(by_id.values()))


def kind_of(where: str, candidates: tuple[str, ...]) -> TaskKind:
    """The kind that a path's folders or file name state; else by how many toolsets the candidates are of."""
    for part in reversed(PurePath(where).parts):
        if part[:2].upper() in KINDS and not part[2:3].isalnum():
            return KINDS[part[:2].upper()]
    return TaskKind.SINGLE if len({tool.partition(".")[0] for tool in candidates}) <= 1 else TaskKind.CATEGORY


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and 0 <= value < 2**31 else 0


def _offered(functions: Any, ids: Mapping[str, Any], known: ToolNames) -> tuple[list[Tool], dict[str, str]]:
    """The tools that the file documents itself, and every function's tool id."""
    tools: list[Tool] = []
    names: dict[str, str] = {}
    for entry in functions if isinstance(functions, list) else ():
        function = _dict(_dict(entry).get("function")) or _dict(entry)
        name = function.get("name")
        if not isinstance(name, str) or not name or name == FINISH:
            continue
        stated = text_of(ids.get(name)) or known.of_function(name)
        tool_id = stated or tool_id_of(function)
        if tool_id in names.values() and not stated:
            tool_id = f"{tool_id}_{len(names) + 1}"
        names[name] = tool_id
        description = text_of(function.get("description"))
        parameters = schema_of(function.get("parameters"))
        if known.of_function(name) is None:
            tools.append(
                Tool(id=tool_id, name=tool_id.partition(".")[2], description=description, parameters=parameters)
            )
    if not names:
        drop(DropReason.NO_TOOLS, "it offers no functions")
    return tools, names


def _root(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], int]:
    """The tree's root and the number of chains: a file of ReAct@N has chains, which hang from one root here."""
    tree = _dict(document.get("tree")).get("tree")
    if isinstance(tree, dict):
        return tree, 0
    tries = document.get("trys")
    if not isinstance(tries, list) or not tries:
        drop(DropReason.UNKNOWN_SHAPE, "it has neither a tree nor chains")
    heads: list[dict[str, Any]] = []
    for attempt in tries:
        chain = _dict(attempt).get("chain")
        if not isinstance(chain, list) or not all(isinstance(node, dict) for node in chain):
            drop(DropReason.BROKEN_TREE, "a chain is no list of nodes")
        below: list[dict[str, Any]] = []
        for node in reversed(chain):
            below = [{**node, "children": below}]
        heads += below
    return {"children": heads}, len(tries)


def _strategy(settings: Mapping[str, Any], chains: int) -> str:
    if chains:
        return "react" if chains == 1 and settings.get("pass_at", 1) == 1 else "react@n"
    return "react" if settings.get("tree_beam_size") == 1 else "dfsdt"


def _policy(where: str) -> str:
    """`10_ChatGPT_DFS_woFilter_w2.json` -> ChatGPT."""
    _, _, rest = PurePath(where).stem.partition("_")
    for method in ("_DFS", "_CoT"):
        name, found, _ = rest.partition(method)
        if found:
            return name
    return "toolbench"


def _relevant(trajectory: Trajectory, candidates: tuple[str, ...]) -> tuple[str, ...]:
    """The candidates that were called with success on the way to the answer."""
    leaf = trajectory.answer_leaf
    path = trajectory.path(leaf) if leaf is not None else []
    failed = {node.message.tool_call_id for node in path if node.failed}
    used = {call.name for node in path for call in node.message.tool_calls if call.id not in failed}
    return tuple(tool for tool in candidates if tool in used)


def _compare(document: Mapping[str, Any], fold: _Fold, reading: Reading) -> None:
    """Does the tree hold what the file says of it?"""
    size = _dict(document.get("tree")).get("size")
    reading.note(Note.SIZE_DIFFERS, int(isinstance(size, int) and size != fold.raw_nodes))
    won = StopReason.ANSWERED in fold.ends.values()
    reading.note(Note.WIN_DIFFERS, int(isinstance(document.get("win"), bool) and document["win"] is not won))
