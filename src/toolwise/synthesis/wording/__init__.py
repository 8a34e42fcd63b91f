"""Wording: from documentation and values to plain English."""
