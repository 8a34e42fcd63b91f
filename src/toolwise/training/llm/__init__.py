"""Training of any open base model: SFT with LoRA or in full, and preferences (torch is imported lazily)."""
