"""Why a world refuses a valid call."""

from __future__ import annotations


class RefusedError(Exception):
    """The world refuses a valid call."""

    def __init__(self, message: str, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class NotFoundError(RefusedError):
    """The record that the arguments name does not exist."""


class ExistsError(RefusedError):
    """The record to be created exists already, or one to be removed is still needed."""
