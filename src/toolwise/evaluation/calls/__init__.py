"""Comparing calls: BFCL's rules, Seal-Tools' counts, ToolAlpaca's procedure, and what an attempt is."""
