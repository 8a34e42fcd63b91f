"""Conversations between a user, an assistant and the tools (ToolAlpaca, arXiv 2306.05301, section 3.2)."""

from toolwise.synthesis.conversations.config import ConversationConfig
from toolwise.synthesis.conversations.dialogue import Conversation, ConversationFault, converse
from toolwise.synthesis.conversations.prompts import ASSISTANT
from toolwise.synthesis.conversations.script import Act, Request, Script, ScriptWriter, Style

__all__ = [
    "ASSISTANT",
    "Act",
    "Conversation",
    "ConversationConfig",
    "ConversationFault",
    "Request",
    "Script",
    "ScriptWriter",
    "Style",
    "converse",
]
