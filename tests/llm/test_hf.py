import asyncio
import json
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
from toolwise.llm.stock_decoding import Decoder, Row
from toolwise.llm.turns import START, Road
from toolwise.models.chat_forms import HERMES_TEMPLATE
from toolwise.models.open_models import load_open_model
from toolwise.offers import Offer
from toolwise.pipelines.assemble import model_policy
from toolwise.ports import ChatRequest, Sampling, Turn
from toolwise.schemas import Validator
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
CHOICES = tuple(
    Tool(
        id=f"box.{name}",
        name=name,
        parameters={
            "type": "object",
            "properties": {"order": {"type": "string", "enum": ["up", "down"]}, "all": {"type": "boolean"}},
            "required": ["order"],
        },
    )
    for name in ("sort", "shuffle")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: Any) -> Path:
    return save_tiny_qwen3(tmp_path_factory.mktemp("hf") / "qwen3")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Any:
    return load_open_model(folder)


class Speaking(Decoder):
    """Writes given texts in place of the model's, the last again and again; under no limits, and with a road each."""

    texts: tuple[str, ...] = ()
    written = 0

    def run(self, rows: Any) -> None:
        for row in rows:
            text = self.texts[min(self.written, len(self.texts) - 1)]
            row.limits = None
            for token in tokenizer()(text, add_special_tokens=False)["input_ids"]:
                row.take(token, tuple(self._stop_ids))
            row.ended = row.ended or bool(setattr(row, "too_long", True))
            self.written += 1
            row.score, row.roads = -float(self.written), [Road(-0.5 - self.written, (self.written,))]


def speaking(loaded: Any, *texts: str) -> tuple[HfModel, Speaking]:
    model = HfModel(loaded)
    model.decoder = Speaking(model.model, model.form.stop_ids)
    model.decoder.texts = texts
    return model, model.decoder


class CallsOnly(HfModel):
    """An untrained model would rather babble than call: here it must call."""

    def _row(self, index: Any, request: Any, prompt: Any, road: Any = START) -> Row:
        begun = tuple(self.tokenizer("<tool_call>", add_special_tokens=False)["input_ids"])
        return super()._row(index, request, prompt, Road(road.score, road.tokens or begun))


def step(model: HfModel, **more: Any) -> Any:
    task = Task(instruction=QUESTION, candidates=(TOOL.id,), relevant=()).with_key()
    turn = Turn(task, (TOOL,), (Message(role=Role.USER, content=QUESTION),), **more)
    return asyncio.run(LocalPolicy(model).act(turn))


def requests(count: int = 5, **more: Any) -> list[Request]:
    functions = Offer(CHOICES).functions()
    return [Request([{"role": "user", "content": "sort " * (5 * i + 1)}], functions, **more) for i in range(count)]


def test_a_call_is_read_and_named_by_its_tool(loaded: Any) -> None:
    model, _ = speaking(loaded, CALL)
    message = step(model).message
    assert [(call.name, call.arguments) for call in message.tool_calls] == [("words.look_up", {"word": "x"})]


def test_a_sibling_is_never_repeated(loaded: Any) -> None:
    model, _ = speaking(loaded, CALL)
    first = step(model).message
    again, says = speaking(loaded, CALL, CALL, "The answer is x.<|im_end|>")
    assert step(again, siblings=((first,),)).message.content == "The answer is x."
    assert says.written > 2
    stubborn, says = speaking(loaded, CALL)
    assert step(stubborn, siblings=((first,),)).stop is StopReason.GAVE_UP
    assert says.written > 4


def test_a_call_that_does_not_fit_its_schema_is_the_last_resort(loaded: Any) -> None:
    wrong = CALL.replace('"x"', "7")
    fixed, _ = speaking(loaded, wrong, CALL)
    assert step(fixed).message.tool_calls[0].arguments == {"word": "x"}
    kept, _ = speaking(loaded, wrong)
    assert step(kept).message.tool_calls[0].arguments == {"word": 7}


def test_what_cannot_be_read_ends_the_branch(loaded: Any) -> None:
    broken, _ = speaking(loaded, '<tool_call>\n{"name": \n</tool_call><|im_end|>')
    assert step(broken).stop is StopReason.UNPARSABLE
    endless, says = speaking(loaded, "on and on")
    reply = asyncio.run(endless.complete(ChatRequest((Message(role=Role.USER, content=QUESTION),))))
    assert (reply.message.content, reply.finish_reason) == ("on and on", "length")
    assert says.written == 1, "what does not end is not tried again"


def test_every_call_of_an_untrained_model_is_valid(loaded: Any) -> None:
    for result in CallsOnly(loaded).write(requests()):
        assert result.turn is not None
        assert result.turn.calls
        for call in result.turn.calls:
            tool = next(tool for tool in CHOICES if tool.name == call.name)
            assert Validator({**tool.parameters, "additionalProperties": False}, {}).is_valid(call.arguments)


def test_neither_the_batch_nor_what_is_kept_changes_a_turn(loaded: Any) -> None:
    together = CallsOnly(loaded, batch=3)
    assert together.decoder.ragged
    first = [written.tokens for written in together.write(requests())]
    assert first == [CallsOnly(loaded).write([request])[0].tokens for request in requests()]
    assert [written.tokens for written in together.write(requests())] == first
    assert together.decoder.kept.found > 0.4 * together.decoder.kept.asked


def test_a_step_reads_only_what_the_step_before_it_had_not(loaded: Any) -> None:
    model = CallsOnly(loaded)
    (request,) = requests(1)
    (written,) = model.write([request])
    made = [{"name": call.name, "arguments": call.arguments} for call in written.turn.calls]
    turn = {"role": "assistant", "tool_calls": [{"type": "function", "function": function} for function in made]}
    longer = Request([*request.messages, turn, {"role": "tool", "content": '{"ok": true}'}], request.tools)
    asked, found = model.decoder.kept.asked, model.decoder.kept.found
    (next_written,) = model.write([longer])
    assert model.decoder.kept.found - found >= written.prompt_tokens
    assert model.decoder.kept.asked - asked > written.prompt_tokens
    assert next_written.tokens == CallsOnly(loaded).write([longer])[0].tokens


def test_the_turn_is_what_generate_writes_under_the_same_limits(loaded: Any) -> None:
    from transformers import LogitsProcessor

    class Limited(LogitsProcessor):
        def __init__(self, limits: Any, start: int) -> None:
            self.limits, self.start, self.forced, self.seen = limits, start, [], 0

        def __call__(self, ids: Any, scores: Any) -> Any:
            for token in ids[0, self.start + self.seen :].tolist():
                self.limits.take(token)
                self.seen += 1
            self.forced = self.forced or self.limits.forced()
            if self.forced:
                allowed = [self.forced.pop(0)]
            else:
                import numpy as np

                bits = np.zeros((1, (scores.shape[-1] + 31) // 32), dtype=np.int32)
                self.limits.fill(bits)
                allowed = [token for token in range(scores.shape[-1]) if bits[0][token // 32] >> (token % 32) & 1]
            return torch.full_like(scores, -math.inf).index_copy(1, torch.tensor(allowed), scores[:, allowed])

    model = HfModel(loaded)
    sampling = Sampling(max_tokens=40)
    for request, written in zip(requests(sampling=sampling), model.write(requests(sampling=sampling)), strict=True):
        prompt = model.prompt_tokens(request)
        limited = Limited(model.grammar.limits(request.tools), len(prompt))  # type: ignore[union-attr]
        out = model.model.generate(
            torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            logits_processor=[limited], do_sample=False, temperature=None, top_p=None, top_k=None, max_new_tokens=40,
            eos_token_id=list(model.form.stop_ids),
        )  # fmt: skip
        assert tuple(out[0, len(prompt) :].tolist()) == written.tokens


def test_avoided_turns_do_not_come_again(loaded: Any) -> None:
    model, avoid, seen = CallsOnly(loaded), frozenset(), []
    for _ in range(4):
        (written,) = model.write(requests(1, avoid=avoid))
        assert written.turn is not None
        calls = [{"function": {"name": call.name, "arguments": call.arguments}} for call in written.turn.calls]
        seen.append(json.dumps([written.turn.content, calls]))
        avoid |= {model.turn_tokens({"role": "assistant", "content": written.turn.content, "tool_calls": calls})}
    assert len(set(seen)) == 4


def test_sampling_follows_its_seed_in_any_batch(loaded: Any) -> None:
    model = CallsOnly(loaded)

    def tokens(seed: int, count: int = 1) -> Any:
        return model.write(requests(count, sampling=Sampling(temperature=3.0, max_tokens=60, seed=seed)))[0].tokens

    assert tokens(1) == tokens(1) == tokens(1, 4)
    assert len({tokens(seed) for seed in range(6)}) > 1


def test_a_model_that_cannot_read_in_pieces_is_read_in_order() -> None:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(1)
    settings = MistralConfig(
        vocab_size=700, hidden_size=32, num_hidden_layers=2, intermediate_size=48, num_attention_heads=2,
        num_key_value_heads=1, sliding_window=16,
    )  # fmt: skip
    source: Any = (MistralForCausalLM(settings).eval(), tokenizer())
    model, short = CallsOnly(source), Sampling(max_tokens=60)
    assert not model.decoder.ragged
    alone = [CallsOnly(source).write([request])[0].tokens for request in requests(3, sampling=short)]
    assert [written.tokens for written in model.write(requests(3, sampling=short))] == alone


def test_a_template_with_calls_of_its_own_leaves_turns_unlimited(loaded: Any) -> None:
    own = HERMES_TEMPLATE.replace(
        "{{- given if given is string else given | tojson -}}",
        "{%- for key in given -%}<{{ key }}>{{ given[key] }}</{{ key }}>{%- endfor -%}",
    )
    model = HfModel((loaded[0], tokenizer(own)))
    assert model.form.native
    assert model.grammar is None
    assert model.write(requests(1, sampling=Sampling(max_tokens=5)))[0].turn is None


def test_the_prompt_is_what_training_wrote_and_batches_change_nothing(folder: Path, tmp_path: Path) -> None:
    train_sft(
        Conversations(examples()[:12], (), "made up"), str(folder), tmp_path,
        SftConfig(max_length=1500, max_steps=12, batch=4, learning_rate=3e-3, evaluations=1),
    )  # fmt: skip
    model = HfModel(tmp_path)
    asked = [
        Request([example.messages[0]], example.tools, Sampling(max_tokens=8), doubt=lambda turn: -math.inf)
        for example in examples()[:3]
    ]
    for request, example in zip(asked, examples(), strict=False):
        prepared, tools = model.form.prepare(example.messages, example.tools)
        whole = model.tokenizer(model.form.render(prepared, tools), add_special_tokens=False)["input_ids"]
        prompt = model.prompt_tokens(request)
        assert whole[: len(prompt)] == prompt
    together = [written.text for written in model.write(asked)]
    assert together == [model.write([request])[0].text for request in asked]


def test_the_model_is_chosen_by_its_folder(folder: Path, tmp_path: Path) -> None:
    policy = model_policy(folder, threads=1)
    assert isinstance(policy, LocalPolicy)
    assert isinstance(policy.model, HfModel)
    with pytest.raises(DataError, match="no model"):
        model_policy(tmp_path, threads=1)
    assert load_open_model(folder)[0].training is False
