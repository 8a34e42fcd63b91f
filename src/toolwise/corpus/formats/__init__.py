"""Other people's corpora, in and out: ToolBench, ToolAlpaca, ShareGPT, OpenAI's rows, Hugging Face parquet.

`toolwise.corpus.formats.huggingface` imports pyarrow, and is imported where it is used.
"""

from toolwise.corpus.formats.conversations import Conversation, conversation_row, read_chat
from toolwise.corpus.formats.exporting import (
    MARK,
    CorpusFormat,
    Describer,
    TrajectoryExports,
    export_examples,
    remove_other_exports,
)
from toolwise.corpus.formats.losses import CannotHoldError, LossReason
from toolwise.corpus.formats.naming import ToolBenchOffer, ToolNames, function_name
from toolwise.corpus.formats.openai_chat import openai_row, read_openai_row
from toolwise.corpus.formats.reading import (
    DropReason,
    Note,
    Reading,
    ReadRow,
    RowError,
    check_writable,
    drop,
    loose_json,
)
from toolwise.corpus.formats.sharegpt import read_sharegpt_row, sharegpt_row
from toolwise.corpus.formats.toolalpaca import read_toolalpaca
from toolwise.corpus.formats.toolalpaca_write import instance
from toolwise.corpus.formats.toolbench_chat import conversation_rows, read_conversation_row, whole_conversations
from toolwise.corpus.formats.toolbench_tasks import instruction_row, read_instruction
from toolwise.corpus.formats.toolbench_tree import read_answer
from toolwise.corpus.formats.toolbench_write import answer_document

__all__ = [
    "MARK",
    "CannotHoldError",
    "Conversation",
    "CorpusFormat",
    "Describer",
    "DropReason",
    "LossReason",
    "Note",
    "ReadRow",
    "Reading",
    "RowError",
    "ToolBenchOffer",
    "ToolNames",
    "TrajectoryExports",
    "answer_document",
    "check_writable",
    "conversation_row",
    "conversation_rows",
    "drop",
    "export_examples",
    "function_name",
    "instance",
    "instruction_row",
    "loose_json",
    "openai_row",
    "read_answer",
    "read_chat",
    "read_conversation_row",
    "read_instruction",
    "read_openai_row",
    "read_sharegpt_row",
    "read_toolalpaca",
    "remove_other_exports",
    "sharegpt_row",
    "whole_conversations",
]
