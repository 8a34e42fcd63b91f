"""Toolwise teaches compact language models to use tools."""

__version__ = "0.1.0"
