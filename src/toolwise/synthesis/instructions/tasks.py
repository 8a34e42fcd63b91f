"""A task from an instruction that passed the filters: its world holds what its calls need."""

from __future__ import annotations

from toolwise.errors import ToolwiseError
from toolwise.ports import World
from toolwise.synthesis.instructions.batches import Batch
from toolwise.synthesis.instructions.prompts import specific_of
from toolwise.synthesis.instructions.written import Written
from toolwise.types import Provenance, Split, Task, ToolCall, WorldSpec, content_key

TEACHER = "llm"


def instruction_task(written: Written, position: int, batch: Batch, split: Split, world: World) -> Task:
    """The task of the instruction at `position` in its batch. All sampled tools are candidates, as in ToolLLM.

    What the calls with all their values name is made to exist in the world, as far as it can prepare that: so the
    task can be solved. There is no blueprint, for nobody has executed it.
    """
    seed = int(content_key("instruction", batch.seed, written.instruction)[:8], 16)
    relevant = tuple(dict.fromkeys(call.tool for call in written.calls))
    spec = WorldSpec(name=world.name, seed=seed)
    task = Task(instruction=written.instruction, kind=batch.kind, candidates=batch.tools, relevant=relevant, world=spec)
    session = world.open(task)
    for index, call in enumerate(written.calls):
        if not call.from_results:
            try:
                session.prepare(ToolCall(id=f"call_{index}", name=call.tool, arguments=call.arguments))
            except ToolwiseError:  # then it is the assistant who meets the failure
                continue
    provenance = Provenance(
        teacher=TEACHER,
        split=split,
        seed=seed,
        pattern="specific" if position < specific_of(batch.wanted) else "scenario",
    )
    start = spec.model_copy(update={"start": session.state()})
    return task.model_copy(update={"world": start, "provenance": provenance}).with_key()
