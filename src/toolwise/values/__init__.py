"""Values: concrete, seeded, valid values for parameters and responses."""

from toolwise.values.generator import MAX_TEXT, NoValueError, ValueGenerator

__all__ = ["MAX_TEXT", "NoValueError", "ValueGenerator"]
