"""Resources: which tools create, read, list, change and remove the same kind of record."""

from toolwise.resources.operation import Action, Operation
from toolwise.resources.recognition import recognise
from toolwise.resources.references import Reference, find_references

__all__ = ["Action", "Operation", "Reference", "find_references", "recognise"]
