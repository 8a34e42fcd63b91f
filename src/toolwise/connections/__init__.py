"""Connections to the outside, bounded and guarded; shared by whatever reads documents from afar and whatever runs tools."""
