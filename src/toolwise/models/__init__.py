"""The compact model: architecture, tokenizer, chat form. Submodules need the [train] extra; import them directly."""
