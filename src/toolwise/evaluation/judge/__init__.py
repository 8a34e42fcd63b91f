"""Judges: verdicts of language models, read strictly, kept whole, and held against people's labels."""
