import asyncio
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.models.tiny import examples
from tests.training.tiny_llm import save_tiny_qwen3, tokenizer

from toolwise.errors import DataError
from toolwise.llm.hf import HfModel
from toolwise.llm.local import Request
from toolwise.llm.policy import LocalPolicy
from toolwise.models.open_models import load_open_model
from toolwise.pipelines.assemble import model_policy
from toolwise.ports import ChatRequest, Sampling, Turn
from toolwise.training.llm.settings import SftConfig
from toolwise.training.llm.sft import Conversations, train_sft
from toolwise.types import Message, Role, StopReason, Task, Tool

torch.set_num_threads(1)
QUESTION = "What is the answer?"
CALL = '<tool_call>\n{"name": "look_up", "arguments": {"word": "x"}}\n</tool_call><|im_end|>'
TOOL = Tool(
    id="words.look_up",
    name="look_up",
    parameters={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return save_tiny_qwen3(tmp_path_factory.mktemp("hf") / "qwen3")


class Says(torch.nn.Module):
    """A model whose `generate` writes given texts in turn; greedily the first, hotter the others."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.words = tokenizer()
        self.texts = texts
        self.seen: list[tuple[str, bool]] = []
        self.device = torch.device("cpu")

    def generate(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **options: Any) -> torch.Tensor:
        rows = []
        for ids, mask in zip(input_ids.tolist(), attention_mask.tolist(), strict=True):
            prompt = [token for token, used in zip(ids, mask, strict=True) if used]
            text = self.texts[min(len(self.seen), len(self.texts) - 1)]
            self.seen.append((self.words.decode(prompt), bool(options["do_sample"])))
            rows.append(torch.tensor([*ids, *self.words(text, add_special_tokens=False)["input_ids"]]))
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=2)


def speaking(*texts: str) -> tuple[HfModel, Says]:
    says = Says(*texts)
    return HfModel((says, says.words)), says  # type: ignore[arg-type]


def step(model: HfModel, **more: Any) -> Any:
    task = Task(instruction=QUESTION, candidates=(TOOL.id,), relevant=()).with_key()
    turn = Turn(task, (TOOL,), (Message(role=Role.USER, content=QUESTION),), **more)
    return asyncio.run(LocalPolicy(model).act(turn))


def test_a_call_is_read_and_named_by_its_tool() -> None:
    model, says = speaking(CALL)
    message = step(model).message
    assert [(call.name, call.arguments) for call in message.tool_calls] == [("words.look_up", {"word": "x"})]
    ((prompt, sampled),) = says.seen
    assert not sampled
    assert '"name": "look_up"' in prompt
    assert prompt.endswith("<|im_start|>assistant\n")


def test_a_sibling_is_never_repeated() -> None:
    model, says = speaking(CALL, CALL, "The answer is x.<|im_end|>")
    first = step(model).message
    again, says = speaking(CALL, CALL, "The answer is x.<|im_end|>")
    assert step(again, siblings=((first,),)).message.content == "The answer is x."
    assert [sampled for _, sampled in says.seen] == [False, True, True]
    stubborn, says = speaking(CALL)
    assert step(stubborn, siblings=((first,),)).stop is StopReason.GAVE_UP
    assert len(says.seen) == 4


def test_a_call_that_does_not_fit_its_schema_is_the_last_resort() -> None:
    wrong = CALL.replace('"x"', "7")
    fixed, _ = speaking(wrong, CALL)
    assert step(fixed).message.tool_calls[0].arguments == {"word": "x"}
    kept, _ = speaking(wrong)
    assert step(kept).message.tool_calls[0].arguments == {"word": 7}


def test_what_cannot_be_read_ends_the_branch() -> None:
    broken, _ = speaking('<tool_call>\n{"name": \n</tool_call><|im_end|>')
    assert step(broken).stop is StopReason.UNPARSABLE
    endless, _ = speaking("on and on")
    reply = asyncio.run(endless.complete(ChatRequest((Message(role=Role.USER, content=QUESTION),))))
    assert (reply.message.content, reply.finish_reason) == ("on and on", "length")


def test_the_prompt_is_what_training_wrote_and_batches_change_nothing(folder: Path, tmp_path: Path) -> None:
    train_sft(
        Conversations(examples()[:12], (), "made up"), str(folder), tmp_path,
        SftConfig(max_length=1500, max_steps=12, batch=4, learning_rate=3e-3, evaluations=1),
    )  # fmt: skip
    model = HfModel(tmp_path)
    requests = [
        Request([example.messages[0]], example.tools, Sampling(max_tokens=8), doubt=lambda turn: -math.inf)
        for example in examples()[:3]
    ]
    for request, example in zip(requests, examples(), strict=False):
        prepared, tools = model.form.prepare(example.messages, example.tools)
        whole = model.tokenizer(model.form.render(prepared, tools), add_special_tokens=False)["input_ids"]
        prompt = model.prompt_tokens(request)
        assert whole[: len(prompt)] == prompt
    together = [written.text for written in model.write(requests)]
    assert together == [model.write([request])[0].text for request in requests]


def test_the_model_is_chosen_by_its_folder(folder: Path, tmp_path: Path) -> None:
    policy = model_policy(folder, threads=1)
    assert isinstance(policy, LocalPolicy)
    assert isinstance(policy.model, HfModel)
    with pytest.raises(DataError, match="no model"):
        model_policy(tmp_path, threads=1)
    assert load_open_model(folder)[0].training is False
