from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.corpus.formats import (
    CannotHoldError,
    DropReason,
    LossReason,
    Note,
    Reading,
    ReadRow,
    RowError,
    ToolBenchOffer,
    ToolNames,
    answer_document,
    function_name,
    read_answer,
    read_instruction,
)
from toolwise.types import (
    Catalog,
    Message,
    Node,
    Role,
    StopReason,
    Task,
    TaskKind,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
    Trajectory,
)

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "toolbench"
TREES = sorted((SHARED / "answer").rglob("*.json"))


def _raw(kind: str, text: str, *children: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"node_type": kind, "description": text, "pruned": False, "expand_num": 0, **more, "children": [*children]}


def _call(
    name: str, given: str, observation: str, *children: dict[str, Any], code: int = 0, **more: Any
) -> dict[str, Any]:
    observed = {"observation": observation, "observation_code": code, "expand_num": 1, **more}
    return _raw("Action", name, _raw("Action Input", given, *children, **observed))


def _finish(words: str, **more: Any) -> dict[str, Any]:
    given = json.dumps({"return_type": "give_answer", "final_answer": words})
    return _call("Finish", given, '{"response":"successfully giving the final answer."}', code=3, **more)


def _gave_up(**more: Any) -> dict[str, Any]:
    return _call("Finish", '{"return_type": "give_up_and_restart"}', "{}", code=4, pruned=True, **more)


def _document(*children: dict[str, Any], calls: int = 1, budget: int = 200, **more: Any) -> dict[str, Any]:
    functions = [
        {
            "name": "find_for_shop",
            "description": 'This is the subfunction for tool "shop", you can use this tool.',
            "parameters": {
                "type": "object",
                "properties": {"word": {"type": "string", "description": "what", "example_value": "tea"}},
                "required": ["word"],
                "optional": [],
            },
        },
        {"name": "buy_for_shop", "description": 'This is the subfunction for tool "shop"', "parameters": {}},
        {"name": "Finish", "description": "end", "parameters": {"type": "object", "properties": {}}},
    ]
    return {
        "win": True,
        "tree": {"tree": _raw("Action Input", "", *children)},
        "forward_args": {"single_chain_max_step": 4, "tree_beam_size": 2, "max_query_count": budget},
        "answer_generation": {"query": "Find tea.", "query_count": calls, "function": functions},
        **more,
    }


def _read(document: Any, where: str = "G1_answer/7_ChatGPT_DFS_woFilter_w2.json") -> tuple[ReadRow, Reading]:
    reading = Reading()
    return read_answer(document, where, ToolNames(), reading), reading


def test_a_reply_becomes_one_message_and_finish_the_end() -> None:
    thought = _raw("Thought", "Look first.", _call("find_for_shop", '{"word": "tea"}', "[1]", _finish("Tea is 1.")))
    row, reading = _read(_document(thought))
    assert row.trajectory is not None
    messages = row.trajectory.messages(3)
    call = ToolCall(id="call_1_0", name="shop.find", arguments={"word": "tea"})
    assert messages == [
        Message(role=Role.USER, content="Find tea."),
        Message(role=Role.ASSISTANT, thought="Look first.", tool_calls=(call,)),
        Message(role=Role.TOOL, content="[1]", tool_call_id="call_1_0"),
        Message(role=Role.ASSISTANT, content="Tea is 1."),
    ]
    assert row.trajectory.ends == {3: StopReason.ANSWERED}
    assert (row.trajectory.strategy, row.trajectory.policy, row.trajectory.budget) == ("dfsdt", "ChatGPT", 200)
    assert row.task.candidates == ("shop.find", "shop.buy") and row.task.relevant == ("shop.find",)
    assert row.tools[0].parameters == {
        "type": "object",
        "properties": {"word": {"type": "string", "description": "what", "example": "tea"}},
        "required": ["word"],
    }
    assert not reading.notes


def test_a_thought_that_was_a_reply_of_its_own_stays_one() -> None:
    """`expand_num` tells it from the thought of a call: the next reply hangs below."""
    alone = _raw("Thought", "Hm.", _call("find_for_shop", "{}", "[]", _finish("No.")), expand_num=1)
    row, _ = _read(_document(alone))
    assert row.trajectory is not None
    assert [message.thought for message in row.trajectory.messages(4)][1:3] == ["Hm.", ""]
    assert len(row.trajectory.nodes) == 5


def test_every_leaf_says_why_it_ended_and_unknown_ends_are_noted() -> None:
    deep = _call("find_for_shop", "{}", "a", _call("find_for_shop", "{}", "b", pruned=True))
    failed = _raw("Thought", "broken", observation_code=-1, pruned=True)
    unread = _raw("Thought", "", observation_code=2, pruned=True)
    open_end = _call("buy_for_shop", "{}", "c")
    row, reading = _read(_document(deep, _gave_up(), failed, unread, open_end, win=False))
    assert row.trajectory is not None
    ends = row.trajectory.ends
    assert sorted(ends.values()) == sorted(
        [StopReason.STEP_LIMIT, StopReason.GAVE_UP, StopReason.POLICY_ERROR, StopReason.UNPARSABLE]
    )
    assert reading.notes == {Note.END_UNKNOWN.value: 1}
    spent, _ = _read(_document(open_end, calls=200, win=False))
    assert spent.trajectory is not None
    assert set(spent.trajectory.ends.values()) == {StopReason.BUDGET}


@pytest.mark.parametrize(
    ("code", "observation", "error"),
    [
        (0, '{"error": "", "response": "fine"}', None),
        (0, '{"error": "it broke", "response": ""}', ToolErrorKind.SERVER),
        (1, '{"error": "No such function name: f"}', ToolErrorKind.UNKNOWN_TOOL),
        (5, "late", ToolErrorKind.TIMEOUT),
        (7, "key", ToolErrorKind.UNAUTHORIZED),
        (8, "key", ToolErrorKind.UNAUTHORIZED),
        (10, "slow down", ToolErrorKind.RATE_LIMITED),
        (11, "Message error...", ToolErrorKind.SERVER),
        (12, '{"error": "request invalid, data error. status_code=400"}', ToolErrorKind.INVALID_ARGUMENTS),
        (12, '{"error": "request invalid, data error. status_code=500"}', ToolErrorKind.SERVER),
        (12, "gone", ToolErrorKind.CONNECTION),
    ],
)
def test_codes_and_statuses_say_why_a_call_failed(code: int, observation: str, error: ToolErrorKind | None) -> None:
    row, _ = _read(_document(_call("find_for_shop", "{}", observation, _finish("x"), code=code)))
    assert row.trajectory is not None
    assert row.trajectory.nodes[2].error is error


def test_what_is_odd_is_noted_and_kept() -> None:
    odd = _call("made_up", "not json", "?", _finish("x"), code=1)
    row, reading = _read(_document(odd, win=False) | {"tree": {"size": 99, "tree": _raw("Action Input", "", odd)}})
    assert row.trajectory is not None
    message = row.trajectory.nodes[1].message
    assert (message.content, message.tool_calls[0].name, message.tool_calls[0].arguments) == ("not json", "made_up", {})
    assert set(reading.notes) == {
        Note.UNKNOWN_FUNCTION.value,
        Note.UNREADABLE_ARGUMENTS.value,
        Note.SIZE_DIFFERS.value,
        Note.WIN_DIFFERS.value,
    }


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], DropReason.UNKNOWN_SHAPE),
        ({"answer_generation": {"query": " "}}, DropReason.NO_INSTRUCTION),
        ({"answer_generation": {"query": "q", "function": [{"name": "Finish"}]}}, DropReason.NO_TOOLS),
        (_document(_raw("Action", "find_for_shop")), DropReason.BROKEN_TREE),
        (_document(_raw("Action Input", "{}")), DropReason.BROKEN_TREE),
        (_document(_raw("Dream", "x")), DropReason.BROKEN_TREE),
        (_document({"node_type": "Thought"}), DropReason.BROKEN_TREE),
        (_document(_raw("Thought", "x") | {"children": 3}), DropReason.BROKEN_TREE),
        ({**_document(), "tree": None}, DropReason.UNKNOWN_SHAPE),
    ],
)
def test_what_is_no_answer_file_is_refused_with_the_reason(document: Any, reason: DropReason) -> None:
    with pytest.raises(RowError) as caught:
        _read(document)
    assert caught.value.reason is reason


def test_a_tree_deeper_than_the_stack_is_read() -> None:
    node = _finish("deep")
    for _ in range(3000):
        node = _call("find_for_shop", "{}", "x", node)
    row, _ = _read(_document(node))
    assert row.trajectory is not None and row.trajectory.answer == "deep"


def test_chains_of_react_at_n_hang_from_one_root() -> None:
    def chain(*nodes: dict[str, Any]) -> list[dict[str, Any]]:
        return [{key: value for key, value in node.items() if key != "children"} for node in nodes]

    first = _call("find_for_shop", "{}", "a", pruned=True)
    second = _finish("b")
    document = {
        **_document(),
        "tree": None,
        "trys": [{"chain": chain(first, first["children"][0])}, {"chain": chain(second, second["children"][0])}],
        "forward_args": {"single_chain_max_step": 2, "pass_at": 2},
    }
    row, _ = _read(document, "3_ChatGPT_CoT@2.json")
    assert row.trajectory is not None
    assert (row.trajectory.strategy, row.trajectory.policy) == ("react@n", "ChatGPT")
    assert list(row.trajectory.ends.values()) == [StopReason.STEP_LIMIT, StopReason.ANSWERED]


TOOLS = (
    Tool(
        id="shop.find",
        name="find",
        description="Find goods. Much more.",
        parameters={"type": "object", "properties": {"word": {"type": "string"}}},
    ),
    Tool(id="shop.goods.buy-one", name="goods.buy-one", parameters={"type": "object", "properties": {}}),
)
TASK = Task(
    instruction="Find tea.",
    kind=TaskKind.CATEGORY,
    candidates=tuple(tool.id for tool in TOOLS),
    relevant=("shop.find",),
).with_key()


def _nodes(*steps: tuple[int | None, Message, ToolErrorKind | None]) -> tuple[Node, ...]:
    return tuple(
        Node(parent=parent, message=message, sampled=message.role is Role.ASSISTANT, error=error)
        for parent, message, error in steps
    )


def _user(text: str = "Find tea.") -> Message:
    return Message(role=Role.USER, content=text)


def _asks(index: int, name: str, thought: str = "", **arguments: Any) -> Message:
    call = ToolCall(id=f"call_{index}_0", name=name, arguments=arguments)
    return Message(role=Role.ASSISTANT, thought=thought, tool_calls=(call,))


def _gets(index: int, content: str) -> Message:
    return Message(role=Role.TOOL, content=content, tool_call_id=f"call_{index}_0")


def _says(content: str = "", thought: str = "") -> Message:
    return Message(role=Role.ASSISTANT, content=content, thought=thought)


def _trajectory(nodes: tuple[Node, ...], ends: dict[int, StopReason], **more: Any) -> Trajectory:
    settings = {"strategy": "dfsdt", "policy": "llm", "model_calls": 9, "budget": 30} | more
    return Trajectory(task_key=TASK.key, nodes=nodes, ends=ends, **settings)


def _back(trajectory: Trajectory) -> ReadRow:
    document = json.loads(json.dumps(answer_document(TASK, trajectory, ToolBenchOffer(TOOLS))))
    names = ToolNames([tool.id for tool in TOOLS])
    return read_answer(document, "G2_answer/1_x_DFS.json", names, Reading())


def test_a_trajectory_comes_back_as_it_went() -> None:
    nodes = _nodes(
        (None, _user(), None),
        (0, _asks(1, "shop.find", "First.", word="tea"), None),
        (1, _gets(1, '{"status":404,"error":"none"}'), ToolErrorKind.NOT_FOUND),
        (2, _says("I cannot.", "Stuck."), None),
        (0, _says(thought="Think again."), None),
        (4, _asks(5, "shop.goods.buy-one"), None),
        (5, _gets(5, ""), None),
        (6, _asks(7, "shop.find", word="x"), None),
        (7, _gets(7, "[]"), None),
        (6, _says("Done: tea.", "All is known."), None),
    )
    ends = {3: StopReason.GAVE_UP, 8: StopReason.STEP_LIMIT, 9: StopReason.ANSWERED}
    trajectory = _trajectory(nodes, ends)
    row = _back(trajectory)
    assert row.trajectory == trajectory.model_copy(update={"task_key": row.task.key})
    assert (row.task.candidates, row.task.kind) == (TASK.candidates, TaskKind.CATEGORY)


@pytest.mark.parametrize("why", [StopReason.POLICY_ERROR, StopReason.UNPARSABLE, StopReason.BUDGET])
def test_other_ends_come_back_too(why: StopReason) -> None:
    nodes = _nodes((None, _user(), None), (0, _says(thought="hm"), None))
    if why is StopReason.POLICY_ERROR:
        nodes = (nodes[0], nodes[1].model_copy(update={"sampled": False}))
    row = _back(_trajectory(nodes, {1: why}, model_calls=30))
    assert row.trajectory is not None
    assert row.trajectory.nodes == nodes and row.trajectory.ends == {1: why}


def test_the_format_splits_parallel_calls_and_joins_words_with_thoughts() -> None:
    calls = tuple(ToolCall(id=f"call_1_{k}", name="shop.find", arguments={"word": str(k)}) for k in range(2))
    nodes = _nodes(
        (None, _user(), None),
        (0, Message(role=Role.ASSISTANT, content="Said.", thought="Thought.", tool_calls=calls), None),
        (1, Message(role=Role.TOOL, content="a", tool_call_id="call_1_0"), None),
        (2, Message(role=Role.TOOL, content="b", tool_call_id="call_1_1"), None),
        (3, _says("x"), None),
    )
    row = _back(_trajectory(nodes, {4: StopReason.ANSWERED}))
    assert row.trajectory is not None
    told = [(m.thought, m.content, [c.arguments["word"] for c in m.tool_calls]) for m in row.trajectory.messages(5)]
    assert told == [
        ("", "Find tea.", []),
        ("Thought.\nSaid.", "", ["0"]),
        ("", "a", []),
        ("", "", ["1"]),
        ("", "b", []),
        ("", "x", []),
    ]


@pytest.mark.parametrize(
    ("nodes", "reason"),
    [
        (((None, _user(), None), (0, _says("Which?"), None), (1, _user("Tea."), None)), LossReason.USER_TURNS),
        (((None, _user(), None), (0, _asks(1, "shop.find"), None)), LossReason.UNOBSERVED_CALL),
    ],
)
def test_what_the_format_cannot_hold_is_refused(nodes: Any, reason: LossReason) -> None:
    with pytest.raises(CannotHoldError) as caught:
        _back(_trajectory(_nodes(*nodes), {}))
    assert caught.value.reason is reason


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12)


@st.composite
def _trees(draw: st.DrawFn) -> Trajectory:
    """Trees in which every message has one call at most, grown depth first as a search grows them."""
    nodes = [Node(parent=None, message=_user())]
    ends: dict[int, StopReason] = {}

    def grow(parent: int, depth: int) -> None:
        for _ in range(draw(st.integers(1, 2))):
            index, act = len(nodes), draw(st.sampled_from(["call", "answer", "give up", "think"]))
            thought = draw(st.one_of(st.just(""), _WORDS))
            if act in ("answer", "give up"):
                nodes.append(Node(parent=parent, message=_says(draw(_WORDS), thought), sampled=True))
                ends[index] = StopReason.ANSWERED if act == "answer" else StopReason.GAVE_UP
                continue
            if act == "think":
                nodes.append(Node(parent=parent, message=_says(thought=draw(_WORDS)), sampled=True))
            else:
                message = _asks(index, draw(st.sampled_from(TASK.candidates)), thought, word=draw(_WORDS))
                nodes.append(Node(parent=parent, message=message, sampled=True))
                nodes.append(Node(parent=index, message=_gets(index, draw(st.one_of(st.just(""), _WORDS)))))
            if depth < 3:
                grow(len(nodes) - 1, depth + 1)

    grow(0, 0)
    leaves = set(range(len(nodes))) - {node.parent for node in nodes} - set(ends)
    ends |= dict.fromkeys(leaves, StopReason.BUDGET)
    return _trajectory(tuple(nodes), dict(sorted(ends.items())), model_calls=30)


@given(_trees())
def test_any_tree_of_single_calls_comes_back(trajectory: Trajectory) -> None:
    row = _back(trajectory)
    assert row.trajectory is not None
    assert row.trajectory.nodes == trajectory.nodes
    assert dict(row.trajectory.ends) == dict(trajectory.ends)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["answer_generation", "tree", "children", "node_type", "query", "function", "description", "name"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_anything_is_read_or_dropped_with_a_reason(document: Any) -> None:
    reading = Reading()
    reading.guard("x", lambda: read_answer(document, "x", ToolNames(), reading))
    assert reading.rows == 1 == reading.kept + sum(reading.dropped.values())


def test_instructions_find_their_tools_in_the_catalog() -> None:
    names = ToolNames(["web_search.newsSearch", "cafe.list"])
    row = {
        "query": "News?",
        "api_list": [
            {"tool_name": "Web Search", "api_name": "newsSearch"},
            {"tool_name": "Café", "api_name": "List"},
            {"tool_name": "Gone", "api_name": "x"},
        ],
        "relevant APIs": [["Café", "List"], ["Gone", "x"]],
        "query_id": 3,
    }
    reading = Reading()
    task = read_instruction(row, "data/G3_query.json", names, reading).task
    assert task.candidates == ("web_search.newsSearch", "cafe.list")
    assert task.relevant == ("cafe.list",) and task.kind is TaskKind.COLLECTION
    assert reading.notes == {Note.UNKNOWN_CANDIDATE.value: 2}
    with pytest.raises(RowError):
        read_instruction({"query": "News?", "query_id": 1}, "x", names, reading)


def test_function_names_keep_their_last_64_characters() -> None:
    assert function_name("shop", "id") == "is_id_for_shop"
    long = function_name("a_provider_with_a_rather_long_name", "an operation whose name is even longer than that")
    assert len(long) == 64 and long.endswith("_for_a_provider_with_a_rather_long_name")


def test_arguments_take_the_catalogs_parameter_names() -> None:
    tool = Tool(id="shop.find", name="find", parameters={"type": "object", "properties": {"id": {}, "isoCode": {}}})
    catalog = Catalog(toolsets=(Toolset(name="shop", tools=(tool,)),))
    reading = Reading()
    names = ToolNames(["shop.find"], catalog)
    row = read_answer(
        _document(_call("find_for_shop", '{"is_id": 1, "isocode": "x"}', "", _finish("y"))), "x", names, reading
    )
    assert row.trajectory is not None
    assert row.trajectory.nodes[1].message.tool_calls[0].arguments == {"id": 1, "isoCode": "x"}
    assert reading.notes == {Note.RENAMED_ARGUMENTS.value: 1}


# The shared samples: what nobody of this project wrote, counted by hand.


def _walk(node: dict[str, Any], path: tuple[dict[str, Any], ...] = ()) -> Iterator[tuple[dict[str, Any], ...]]:
    yield (*path, node)
    for child in node["children"]:
        yield from _walk(child, (*path, node))


def _flat(trajectory: Trajectory) -> list[tuple[str, str, str]]:
    """Thoughts, calls and observations of a tree in order, as ToolBench's nodes spell them."""
    told: list[tuple[str, str, str]] = []
    calls: dict[str, ToolCall] = {}
    for index, node in enumerate(trajectory.nodes[1:], start=1):
        message = node.message
        if message.thought:
            told.append(("Thought", message.thought, ""))
        for call in message.tool_calls:
            calls[call.id] = call
        if message.role is Role.TOOL:
            call = calls[message.tool_call_id]
            told.append(("Call", json.dumps(call.arguments, sort_keys=True), message.content))
        if trajectory.ends.get(index) in (StopReason.ANSWERED, StopReason.GAVE_UP):
            told.append(("Finish", message.content, ""))
    return told


@pytest.mark.skipif(not TREES, reason="the shared data are not here")
@pytest.mark.parametrize("path", TREES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_shared_tree_becomes_one_trajectory_message_by_message(path: Path) -> None:
    document = json.loads(path.read_text())
    row, reading = _read(document, str(path))
    trajectory = row.trajectory
    assert trajectory is not None
    assert set(reading.notes) <= {Note.UNKNOWN_FUNCTION.value}
    raw: list[tuple[str, str, str]] = []
    kinds: Counter[str] = Counter()
    ends: Counter[StopReason] = Counter()
    for *above, node in _walk(document["tree"]["tree"]):
        kinds[node["node_type"]] += 1
        if above and node["node_type"] == "Thought":
            raw.append(("Thought", node["description"], ""))
        elif above and node["node_type"] == "Action Input":
            given = json.loads(node["description"])
            if above[-1]["description"] == "Finish":
                raw.append(("Finish", given.get("final_answer", ""), ""))
            else:
                raw.append(("Call", json.dumps(given, sort_keys=True), node["observation"]))
        if not node["children"]:
            code = node.get("observation_code")
            ends[{3: StopReason.ANSWERED, 4: StopReason.GAVE_UP}.get(code, StopReason.STEP_LIMIT)] += 1
    assert _flat(trajectory) == raw
    assert Counter(trajectory.ends.values()) == ends
    finished = ends[StopReason.ANSWERED] + ends[StopReason.GAVE_UP]
    calls = kinds["Action Input"] - 1 - finished  # the root is an Action Input too
    replies = document["answer_generation"]["query_count"]
    assert document["tree"]["size"] == sum(kinds.values())
    assert len(trajectory.nodes) == 1 + replies + calls
    assert trajectory.model_calls == replies == sum(n.message.role is Role.ASSISTANT for n in trajectory.nodes)
    assert (StopReason.ANSWERED in trajectory.ends.values()) is document["win"]
    assert row.task.kind.value == {"G1": "single", "G2": "category", "G3": "collection"}[path.parent.name[:2]]
    assert len(row.task.candidates) == len(document["answer_generation"]["function"]) - 1


@pytest.mark.skipif(not TREES, reason="the shared data are not here")
@pytest.mark.parametrize("path", TREES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_answer_branch_is_the_chat_that_toolbench_trains_on(path: Path) -> None:
    document = json.loads(path.read_text())
    chats = document["answer_generation"].get("train_messages")
    row, _ = _read(document, str(path))
    assert row.trajectory is not None
    leaf = row.trajectory.answer_leaf
    if not chats or leaf is None:
        return
    ours: list[tuple[str, str]] = []
    for message in row.trajectory.messages(leaf)[1:]:
        if message.role is Role.TOOL:
            ours.append(("function", message.content))
        else:
            for call in message.tool_calls:
                ours.append(("assistant", message.thought + json.dumps(call.arguments)))
            if not message.tool_calls:
                ours.append(("assistant", message.thought + message.content))
    theirs: list[tuple[str, str]] = []
    for message in chats[-1]:
        said = message["content"] or ""
        call = message.get("function_call")
        if call is not None:
            given = json.loads(call["arguments"])
            said += given["final_answer"] if call["name"] == "Finish" else json.dumps(given)
        theirs.append((message["role"], said))
    assert theirs[0][0] == "system" and theirs[1][0] == "user" and row.task.instruction in theirs[1][1]
    spoken = [turn for turn in theirs[2:] if turn[0] != "user"]  # later user turns ask for another child than before
    assert ours == spoken


@pytest.mark.skipif(not TREES, reason="the shared data are not here")
@pytest.mark.parametrize("path", TREES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_shared_trees_are_written_back_node_by_node(path: Path) -> None:
    document = json.loads(path.read_text())
    row, _ = _read(document, str(path))
    assert row.trajectory is not None
    made = answer_document(row.task, row.trajectory, ToolBenchOffer(row.tools))
    kept = ("node_type", "depth", "pruned", "finished", "child_count", "expand_num", "is_terminal")
    theirs = [path[-1] for path in _walk(document["tree"]["tree"])]
    ours = [path[-1] for path in _walk(made["tree"]["tree"])]
    assert [[node[key] for key in kept] for node in ours] == [[node[key] for key in kept] for node in theirs]
    assert made["win"] is document["win"]
    assert made["tree"]["size"] == document["tree"]["size"]
    assert made["tree"]["max_length"] == document["tree"]["max_length"]
    if document["answer_generation"]["valid_data"]:  # two files with give-ups call themselves unfinished
        assert made["answer_generation"]["finish_type"] == document["answer_generation"]["finish_type"]
    again = read_answer(made, str(path), ToolNames(), Reading()).trajectory
    assert again == row.trajectory
