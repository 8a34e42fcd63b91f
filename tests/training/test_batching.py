import random
from typing import Any

import numpy as np
import torch
from tests.models.tiny import LEVEL, examples, tokenizer

from toolwise.models.chat import Part
from toolwise.training.batching import batches, encode
from toolwise.training.optimiser import Optimiser, orthogonalise
from toolwise.training.synthetic import SyntheticLevel, synthetic_example

WEIGHTS = {Part.NAME: 2.0, Part.ANSWER: 1.0}


def test_made_up_examples_follow_their_seed_and_values_are_stated() -> None:
    assert synthetic_example(LEVEL, "a") == synthetic_example(LEVEL, "a") != synthetic_example(LEVEL, "b")
    for index in range(50):
        example = synthetic_example(SyntheticLevel(parameters=(1, 3)), str(index))
        call = example.messages[1]["tool_calls"][0]["function"]
        assert call["name"] in [tool["function"]["name"] for tool in example.tools]
        for value in call["arguments"].values():
            if isinstance(value, str):
                assert value in example.messages[0]["content"]


def test_every_token_is_in_exactly_one_batch_and_no_batch_is_too_big() -> None:
    items = encode(examples(), tokenizer(), WEIGHTS)
    spread = {}
    for alike in (True, False):
        made = list(batches(items, 2000, tokenizer().pad_token_id, random.Random(0), alike=alike))
        assert sum(batch.tokens for batch in made) == sum(map(len, items))
        assert all(batch.ids.numel() <= 2000 or len(batch.ids) == 1 for batch in made)
        spread[alike] = sum(batch.ids.numel() for batch in made)
    assert spread[True] < spread[False]  # padding is what batches of unlike lengths cost


def test_targets_are_the_assistants_tokens_with_their_weights() -> None:
    items = encode(examples()[:20], tokenizer(), WEIGHTS)
    for batch in batches(items, 3000, tokenizer().pad_token_id, random.Random(0)):
        assert (batch.targets == batch.ids[batch.rows, batch.columns + 1]).all()
        assert ((batch.names > 0) == (batch.weights == 2.0)).all()
        assert (batch.turns > 0).all()
    assert sum(int((item.weights > 0).sum()) for item in items) == sum(int((item.turns > 0).sum()) for item in items)


def test_probes_say_which_tools_are_called() -> None:
    for example, item in zip(examples()[:40], encode(examples()[:40], tokenizer(), WEIGHTS), strict=True):
        called = {c["function"]["name"] for m in example.messages for c in m.get("tool_calls") or ()}
        tools = item.probes[item.probes[:, 1] == 0]
        assert len(tools) == len(example.tools)
        assert tools[:, 2].sum() == len(called)
        assert np.all(item.turns[item.probes[:, 0]] == 0)


def test_orthogonalised_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((3, 16, 16), (2, 8, 32), (2, 32, 8)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert values.max() < 1.4
        assert values.median() > 0.6


def test_an_optimiser_goes_on_from_its_state() -> None:
    def fresh() -> Any:
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 2))
        return model, Optimiser(model, 1e-2, 1e-2)

    def step(model: Any, optimiser: Any, times: Any) -> Any:
        for index in range(times):
            model(torch.full((3, 4), float(index + 1))).square().sum().backward()
            optimiser.step(1.0)

    whole, optimiser = fresh()
    step(whole, optimiser, 2)
    state = ({k: v.clone() for k, v in whole.state_dict().items()}, optimiser.state_dict())
    import copy

    saved = copy.deepcopy(state)
    step(whole, optimiser, 2)
    again, second = fresh()
    again.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    step(again, second, 2)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
