"""Experiments that anyone can run again: hypotheses stated before, rows that survive a kill, and findings."""
