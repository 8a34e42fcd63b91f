"""The request for ten instructions: task, documentation, three seed examples."""

from __future__ import annotations

import random
from collections.abc import Sequence

from toolwise.ports import ChatRequest, Sampling
from toolwise.synthesis.instructions.batches import Batch
from toolwise.synthesis.instructions.config import MULTI, PER_CALL, SHOWN_SEEDS, SPECIFIC, InstructionsConfig
from toolwise.synthesis.instructions.documents import documentation
from toolwise.synthesis.instructions.language import LANGUAGES
from toolwise.synthesis.instructions.seeds import MULTI_SEEDS, SINGLE_SEEDS, Seed
from toolwise.synthesis.instructions.written import answer_schema
from toolwise.types import Message, Role, Tool, Toolset

SYSTEM = """You write what people would ask an assistant that can use certain tools. You are given the tools' \
documentation; the people who ask do not know it.

- Each instruction must need at least one of the tools, and must be answerable with them alone.
- Never name a tool, and never speak of tools, functions, APIs, endpoints or parameters. A service may be named.
- Invent a concrete, believable value for every required parameter, and write it into the instruction exactly as it \
goes into the call: an identifier, date, number or word in the same spelling. No placeholders, no "my account id".
- Where a call takes a value that only an earlier call's result tells, say in words where it comes from, and list the \
parameter under from_results.
- Vary people, tone, length and openings: questions, orders, wishes; some in one sentence, some in several.
- Let the instructions share as few tools with each other as possible.

For each instruction list its calls in order: the tool's id, the arguments that the instruction states, and \
from_results."""
_ASK = """Write {wanted} instructions in {language} for the tools below. {shape}{together}

The tools:
{documentation}

Examples of good instructions, for other tools:
{seeds}"""
_TOGETHER = (
    " These tools are of several services: most instructions must need more than one of the services, in a way that "
    "makes sense."
)


def instruction_request(
    batch: Batch, tools: Sequence[tuple[Toolset, Tool]], config: InstructionsConfig, sampling: Sampling
) -> ChatRequest:
    """The one call that writes a batch; `tools` are its tools, each with its toolset, in the order shown."""
    together = _TOGETHER if batch.kind in MULTI else ""
    text = (
        _ASK.replace("{wanted}", str(batch.wanted))
        .replace("{language}", LANGUAGES[config.language])
        .replace("{shape}", _shape(batch.wanted))
        .replace("{together}", together)
        .replace("{seeds}", "\n".join(seed.line for seed in _seeds(batch)))
        .replace("{documentation}", documentation(tools, config.documentation_chars))
    )
    messages = (Message(role=Role.SYSTEM, content=SYSTEM), Message(role=Role.USER, content=text))
    return ChatRequest(messages, sampling=sampling, answer_schema=answer_schema(batch.wanted))


def specific_of(wanted: int) -> int:
    """How many of a call's instructions are specific; the later ones are scenarios."""
    return min(wanted, max(1, round(wanted * SPECIFIC / PER_CALL)))


def _shape(wanted: int) -> str:
    specific = specific_of(wanted)
    first = "They must be specific: one need each, with its details."
    if specific == wanted:
        return first
    return (
        f"The first {specific} must be specific: one need each, with its details. The last {wanted - specific} must be "
        "complex: a scenario of several sentences that needs most of the tools together."
    )


def _seeds(batch: Batch) -> Sequence[Seed]:
    pool = MULTI_SEEDS if batch.kind in MULTI else SINGLE_SEEDS
    return random.Random(f"seeds:{batch.seed}").sample(pool, SHOWN_SEEDS)
