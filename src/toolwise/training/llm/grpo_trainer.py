"""TRL's GRPOTrainer over episodes in our worlds: their tokens, their rewards, and rows that a template needs apart."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from datasets import Dataset
from torch.nn.utils.rnn import pad_sequence
from trl.models.utils import disable_gradient_checkpointing
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer
from trl.trainer.utils import add_fused_lm_head, use_adapter

from toolwise.models.open_models import COMPACT
from toolwise.training.llm import engine
from toolwise.training.llm.compact_scores import completion_scores
from toolwise.training.llm.episodes import Episode, Learnable, Player, PlayerOf, learnable
from toolwise.training.llm.rewards import WEIGHTS, RewardPart
from toolwise.types import content_key

if TYPE_CHECKING:
    from toolwise.training.llm.base import Base
    from toolwise.training.llm.grpo import Attempts
    from toolwise.training.llm.settings import GrpoConfig

PARTS = "parts"
"""Column in which the rollouts hand their rewards to the reward functions."""


class EpisodeTrainer(GRPOTrainer):
    """Groups, advantages, clipping and logs are TRL's; attempts, rewards and scores of the compact model are ours.

    TRL's own tool loop renders one set of tools for all prompts and wants a template that never rewrites a turn; our
    tasks each have tools of their own. So `rollout_func` plays whole episodes, and what comes back are tokens.
    """

    def __init__(self, base: Base, model: Any, play: PlayerOf, config: GrpoConfig, **more: Any) -> None:
        self._compact = base.model.config.model_type == COMPACT
        self._longest, self._seed_of_run = config.max_length, config.seed
        self._episode_rows: list[list[Learnable]] = []
        self.sampled_tokens = 0
        self.left_out = 0
        """Episodes of which nothing fits the context."""
        held = config.beta > 0 and not config.lora
        reference = copy.deepcopy(model) if held else None
        super().__init__(
            model=model,
            reward_funcs=[_reader(part) for part in RewardPart],
            processing_class=base.tokenizer,
            rollout_func=_play,
            **more,
        )
        engine.silence(self)
        # TRL would load the reference from the model's name, which for a merged adapter is another model.
        self.beta = config.beta
        if reference is not None:
            if not self._compact:
                add_fused_lm_head(reference, temperature=self.temperature)
            self.ref_model = self.accelerator.prepare_model(reference, evaluation_mode=True)
        self._player: Player = play(self.accelerator.unwrap_model(self.model), base.tokenizer)

    def played(self, keys: Sequence[str]) -> dict[str, Any]:
        """One episode a key, in TRL's form: the first row of each. The others wait for `_generate_and_score…`."""
        seed = content_key("episodes", self._seed_of_run, self.state.global_step, self.accelerator.process_index)
        model: Any = self.model
        training, checkpointing = model.training, self.args.gradient_checkpointing_kwargs
        model.eval()
        with torch.no_grad(), disable_gradient_checkpointing(model, cast("dict[str, Any] | None", checkpointing)):
            episodes = self._player.play(keys, int(seed[:12], 16))
        model.train(training)
        self.sampled_tokens += sum(len(turn.tokens) for episode in episodes for turn in episode.turns)
        self._episode_rows = [learnable(episode, self._longest) or [self._nothing()] for episode in episodes]
        firsts = [rows[0] for rows in self._episode_rows]
        self.left_out += sum(not any(row.learnt) for row in firsts)
        return {
            "prompt_ids": [list(row.prompt) for row in firsts],
            "completion_ids": [list(row.completion) for row in firsts],
            "logprobs": None,
            "env_mask": [[int(one) for one in row.learnt] for row in firsts],
            PARTS: [_named(episode) for episode in episodes],
        }

    def _nothing(self) -> Learnable:
        """A row from which nothing is learnt, as TRL wants one for each prompt."""
        end = int(self.eos_token_ids[0])
        return Learnable((end,), (end,), (False,))

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """TRL's batch; where an episode has several rows, each becomes one, with its episode's advantage."""
        output: dict[str, Any] = super()._generate_and_score_completions(inputs)
        if all(len(rows) == 1 for rows in self._episode_rows):
            return output
        rows = [(row, index) for index, of_one in enumerate(self._episode_rows) for row in of_one]
        rows += [(self._nothing(), 0)] * (-len(rows) % (cast("GRPOConfig", self.args).steps_per_generation or 1))
        device = output["prompt_ids"].device
        tensors = {name: tensor.to(device) for name, tensor in _padded([row for row, _ in rows], self._pad).items()}
        learnt = self.accelerator.gather(tensors["tool_mask"].mul(tensors["completion_mask"]).sum()).sum()
        advantages = output["advantages"][torch.tensor([index for _, index in rows], device=device)]
        output = {**tensors, "advantages": advantages, "num_items_in_batch": learnt}
        if self.beta:
            output["ref_per_token_logps"] = self._reference_scores(output)
        return output

    @property
    def _pad(self) -> int:
        return int(self._tokenizer.pad_token_id)

    @torch.no_grad()
    def _reference_scores(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
        mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
        count, size = batch["completion_ids"].shape[1], self.args.per_device_train_batch_size
        if self.ref_model is not None:
            return self._get_per_token_logps_and_entropies(self.ref_model, ids, mask, count, size)[0]
        with use_adapter(self.accelerator.unwrap_model(self.model), adapter_name=None):
            return self._get_per_token_logps_and_entropies(self.model, ids, mask, count, size)[0]

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **more: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """TRL multiplies hidden states by the head's weights; the compact model also copies, and scores by itself."""
        if not self._compact:
            result: tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]
            result = super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, batch_size, **more
            )
            return result
        size = batch_size or len(input_ids)
        scores = torch.cat(
            [
                completion_scores(model, ids, mask, logits_to_keep)
                for ids, mask in zip(torch.split(input_ids, size), torch.split(attention_mask, size), strict=True)
            ]
        )
        # Over tokens that the model itself drew, minus the log-probability is the entropy on average.
        return scores, -scores.detach() if more.get("compute_entropy") else None, None


def _play(prompts: list[str], trainer: Any) -> dict[str, Any]:
    played: dict[str, Any] = trainer.played(prompts)
    return played


def _named(episode: Episode) -> dict[str, float | None]:
    return {part.value: episode.parts[part] for part in RewardPart}


def _reader(part: RewardPart) -> Any:
    """A reward function that gives one part; TRL logs each by its name."""

    def read(parts: Sequence[Mapping[str, float | None]], **unused: Any) -> list[float | None]:
        return [one[part.value] for one in parts]

    read.__name__ = part.value
    return read


def _padded(rows: Sequence[Learnable], pad: int) -> dict[str, torch.Tensor]:
    """Rows as TRL holds them: prompts padded on the left, completions on the right."""

    def right(lists: Sequence[Sequence[int]], value: int) -> torch.Tensor:
        return pad_sequence([torch.tensor(one) for one in lists], batch_first=True, padding_value=value)

    def left(lists: Sequence[Sequence[int]], value: int) -> torch.Tensor:
        return right([one[::-1] for one in lists], value).flip(1)

    prompts, completions = [row.prompt for row in rows], [row.completion for row in rows]
    return {
        "prompt_ids": left(prompts, pad),
        "prompt_mask": left([(1,) * len(prompt) for prompt in prompts], 0),
        "completion_ids": right(completions, pad),
        "completion_mask": right([(1,) * len(completion) for completion in completions], 0),
        "tool_mask": right([tuple(map(int, row.learnt)) for row in rows], 0),
    }


def episode_trainer(
    base: Base, model: Any, data: Attempts, config: GrpoConfig, given: Mapping[str, Any], **more: Any
) -> EpisodeTrainer:
    """`given` for TrainingArguments, `more` (callbacks) for the trainer."""
    settings = GRPOConfig(
        **given,
        num_generations=config.generations,
        beta=0.0,  # the reference is given after construction
        epsilon=config.epsilon,
        temperature=1.0,  # what is learnt is the distribution that was drawn from
        reward_weights=[WEIGHTS[part] for part in RewardPart],
        max_completion_length=config.max_length,
        disable_dropout=True,
    )
    tasks = Dataset.from_dict({"prompt": list(data.keys)})
    return EpisodeTrainer(base, model, data.play, config, args=settings, train_dataset=tasks, **more)
