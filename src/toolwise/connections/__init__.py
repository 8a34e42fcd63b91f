"""Connections to the outside, bounded and guarded: for reading documents from afar and for running tools."""
