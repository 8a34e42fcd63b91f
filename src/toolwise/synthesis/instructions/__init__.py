"""Instructions that a language model writes: for sampled tools (ToolBench's way), or for executed blueprints."""

from toolwise.synthesis.instructions.batches import Batch, plan_batches
from toolwise.synthesis.instructions.config import MULTI, PER_CALL, InstructionsConfig
from toolwise.synthesis.instructions.filters import InstructionFault, InstructionFilter
from toolwise.synthesis.instructions.language import LANGUAGES, is_language
from toolwise.synthesis.instructions.prompts import instruction_request
from toolwise.synthesis.instructions.reading import ReadCall, ReadingFault, difference, read_calls, reading_request
from toolwise.synthesis.instructions.seeds import MULTI_SEEDS, SINGLE_SEEDS, Seed
from toolwise.synthesis.instructions.tasks import instruction_task
from toolwise.synthesis.instructions.wording import WordingFault, read_wording, wording_fault, wording_request
from toolwise.synthesis.instructions.written import Written, WrittenCall, read_written

__all__ = [
    "LANGUAGES",
    "MULTI",
    "MULTI_SEEDS",
    "PER_CALL",
    "SINGLE_SEEDS",
    "Batch",
    "InstructionFault",
    "InstructionFilter",
    "InstructionsConfig",
    "ReadCall",
    "ReadingFault",
    "Seed",
    "WordingFault",
    "Written",
    "WrittenCall",
    "difference",
    "instruction_request",
    "instruction_task",
    "is_language",
    "plan_batches",
    "read_calls",
    "read_wording",
    "read_written",
    "reading_request",
    "wording_fault",
    "wording_request",
]
