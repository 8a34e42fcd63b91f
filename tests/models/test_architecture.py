import random
from typing import Any

import pytest
import torch
from tests.models.tiny import examples, model, tokenizer

from toolwise.errors import DataError
from toolwise.models.chat import Part
from toolwise.models.folder import load_model, save_model, save_untrained
from toolwise.training.batching import batches, encode


@pytest.fixture(scope="module")
def batch() -> Any:
    items = encode(examples()[:5], tokenizer(), {Part.NAME: 2.0, Part.ANSWER: 1.0})
    return next(batches(items, 10_000, tokenizer().pad_token_id, random.Random(0)))


@torch.no_grad()
def test_likelihoods_at_targets_equal_those_of_the_whole_distribution(batch: Any) -> None:
    whole = model()(batch.ids).logits
    hidden = model().hidden(batch.ids[:, :-1])
    found, right = model().likelihoods(hidden, batch.ids, batch.rows, batch.columns, judge=True)
    expected = whole[batch.rows, batch.columns]
    assert torch.allclose(found, expected.gather(1, batch.targets[:, None]).squeeze(1), atol=1e-4)
    assert (right == (expected.argmax(-1) == batch.targets)).all()
    assert torch.allclose(whole[:, 1:].exp().sum(-1), torch.ones(1), atol=1e-4)


def whole_parts(ids: torch.Tensor) -> list[int]:
    """Where a sequence may be cut: anywhere in an assistant's turn, elsewhere only before a mark."""
    config = model().config
    cuts, read = [], False
    for place, token in enumerate(ids.tolist()):
        if not read or token in config.segment_tokens:
            cuts.append(place)
        if token in config.segment_tokens:
            read = token in config.read_tokens
    return [cut for cut in cuts if cut > 0]


@torch.no_grad()
def test_reading_in_pieces_with_a_cache_equals_reading_at_once(batch: Any) -> None:
    whole = model()(batch.ids).logits
    rows, length = batch.ids.shape
    cache, at = model().new_cache(rows, 4), [0] * rows
    cuts = [[*whole_parts(ids), length] for ids in batch.ids]
    while max(at) < length - 8:
        ends = [next(cut for cut in row if cut > place) for row, place in zip(cuts, at, strict=True)]
        counts = [end - place for end, place in zip(ends, at, strict=True)]
        ids = torch.full((rows, max(counts)), tokenizer().pad_token_id)
        for row, count in enumerate(counts):
            ids[row, :count] = batch.ids[row, at[row] : at[row] + count]
        found = model().extend(cache, ids, torch.tensor(counts))
        at = ends
        for row in range(rows):
            assert torch.allclose(found[row], whole[row, at[row] - 1], atol=1e-3)
    kept = cache.keep(torch.tensor([2, 0]))
    assert kept.lengths.tolist() == [at[2], at[0]]


@torch.no_grad()
def test_no_written_token_sees_what_comes_after_it(batch: Any) -> None:
    changed = batch.ids.clone()
    changed[:, -20:] = 300
    before, after = model()(batch.ids).logits, model()(changed).logits
    early = batch.columns < batch.ids.shape[1] - 21
    rows, columns = batch.rows[early], batch.columns[early]
    assert len(rows) > 0
    assert torch.allclose(before[rows, columns], after[rows, columns], atol=1e-5)


@torch.no_grad()
def test_what_is_only_read_is_seen_as_a_whole(batch: Any) -> None:
    ids = batch.ids[:1]
    assert ids[0, 0] == model().config.user_token
    changed = ids.clone()
    end = int((ids[0] == model().config.tools_token).nonzero()[0]) - 1
    changed[0, end - 1] = 300  # the last word of the request
    first, second = model().hidden(ids), model().hidden(changed)
    assert not torch.allclose(first[0, 1], second[0, 1], atol=1e-5)


def test_the_loss_of_a_trainer_is_the_mean_over_its_labels(batch: Any) -> None:
    labels = torch.full_like(batch.ids, -100)
    labels[:, 40:50] = batch.ids[:, 40:50]
    result = model()(batch.ids, labels=labels)
    picked = result.logits[:, 39:49].gather(2, batch.ids[:, 40:50, None])
    assert torch.allclose(result.loss, -picked.mean())


def test_a_saved_folder_loads_with_transformers(tmp_path: Any, batch: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    save_model(tmp_path / "m", model(), tokenizer())
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    again = AutoTokenizer.from_pretrained(tmp_path / "m")
    with torch.no_grad():
        assert torch.allclose(loaded(batch.ids).logits, model()(batch.ids).logits)
    assert again.chat_template == tokenizer().chat_template
    text = 'Lists the "buckets" of maxResults 12.'
    assert again(text)["input_ids"] == tokenizer()(text)["input_ids"]
    prompt = again("Hello", return_tensors="pt")["input_ids"]
    assert loaded.generate(prompt, max_new_tokens=3, do_sample=False).shape[1] <= prompt.shape[1] + 3


def test_the_untrained_twin_differs_only_in_its_weights(tmp_path: Any) -> None:
    save_model(tmp_path / "m", model(), tokenizer())
    save_untrained(tmp_path / "u", tmp_path / "m", seed=9)
    twin, same = load_model(tmp_path / "u")
    assert same.get_vocab() == tokenizer().get_vocab()
    assert twin.config.hidden_size == model().config.hidden_size
    assert not torch.equal(twin.embedding.weight, model().embedding.weight)


def test_a_folder_without_a_model_is_refused(tmp_path: Any) -> None:
    with pytest.raises(DataError, match="holds no model"):
        load_model(tmp_path)
