"""A seed example: an instruction written by hand for services that do not exist."""

from __future__ import annotations

from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class Seed:
    """What some tools do, and what a person might ask of them."""

    tools: tuple[str, ...]
    """`Service: what the tool does`, one each."""
    instruction: str
    needs: tuple[int, ...]
    """Which of the tools it needs, in the order of the calls."""

    @property
    def services(self) -> tuple[str, ...]:
        """The services' names, each once."""
        return tuple(dict.fromkeys(tool.partition(":")[0] for tool in self.tools))

    @property
    def line(self) -> str:
        """As the prompt shows it."""
        document = {
            "for tools that": self.tools,
            "instruction": self.instruction,
            "needs": [self.tools[index] for index in self.needs],
        }
        return orjson.dumps(document).decode()
