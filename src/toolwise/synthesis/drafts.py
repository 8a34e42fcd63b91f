"""From an executed plan to a task: wording, checks and candidates, each of which may still reject it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwise.ports import World
from toolwise.synthesis.candidates import Need, choose_candidates
from toolwise.synthesis.config import SynthesisConfig
from toolwise.synthesis.execution import Execution, execute
from toolwise.synthesis.facts import Fact, pick_facts
from toolwise.synthesis.filling import Filler, Unstatable, leaf_values
from toolwise.synthesis.graph import resource_noun
from toolwise.synthesis.plans import Plan, PlannedCall
from toolwise.synthesis.pool import Pool
from toolwise.synthesis.wording.instruction import ClauseParts, ReferencePart, head_noun, write_instruction
from toolwise.synthesis.wording.rules import names_tool, states_all_values
from toolwise.synthesis.wording.services import service_name
from toolwise.synthesis.wording.statements import state_values
from toolwise.text import phrase
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Checks,
    Json,
    Outcome,
    Provenance,
    RejectReason,
    Split,
    Task,
)
from toolwise.values import ValueGenerator


@dataclass(frozen=True, slots=True)
class Draw:
    """Where one attempt's randomness and provenance come from."""

    rng: random.Random
    seed: int
    split: Split


class Drafter:
    """Turns plans into tasks."""

    def __init__(self, pool: Pool, world: World, config: SynthesisConfig, generator: ValueGenerator) -> None:
        self.pool = pool
        self.world = world
        self.config = config
        self._generator = generator

    def blueprint(self, plan: Plan, rng: random.Random) -> Blueprint:
        """The plan with values. Raises Unstatable."""
        filler = Filler(self._generator, rng)
        return Blueprint(
            calls=tuple(
                BlueprintCall(
                    tool=call.spec.tool.id,
                    arguments=filler.arguments(call.spec, call.leaves, call.shared),
                    references=call.references,
                )
                for call in plan.calls
            )
        )

    async def task(self, plan: Plan, draw: Draw) -> Task | RejectReason:
        """A task for the plan, or why there is none."""
        try:
            blueprint = self.blueprint(plan, draw.rng)
        except Unstatable:
            return RejectReason.NO_VALUE
        execution = await execute(blueprint, self.world, draw.seed)
        if execution is None:
            return RejectReason.CALL_FAILED
        clauses = self.clauses(plan, blueprint, draw.rng)
        stated = [call.arguments for call in blueprint.calls]
        facts = self._facts(plan, clauses, execution, draw.rng)
        if not facts and not execution.changed:
            return RejectReason.UNGROUNDED
        instruction = write_instruction(clauses, [fact.label for fact in facts], draw.rng)
        needs = [
            Need(call.spec.tool, call.spec.phrase, frozenset(arguments))
            for call, arguments in zip(plan.calls, execution.arguments, strict=True)
        ]
        candidates = choose_candidates(needs, self.config.candidates, self.pool, draw.rng)
        if candidates is None or not self.sound(instruction, candidates, stated):
            return RejectReason.AMBIGUOUS
        return Task(
            instruction=instruction,
            kind=plan.kind,
            candidates=candidates,
            relevant=tuple(dict.fromkeys(need.tool.id for need in needs)),
            world=execution.world,
            blueprint=blueprint,
            checks=Checks(
                outcome=Outcome.CALL,
                final_state=execution.final_state,
                facts=tuple(fact.text for fact in facts),
                labels=tuple(fact.label for fact in facts),
            ),
            provenance=Provenance(split=draw.split, seed=draw.seed, pattern=plan.pattern.value),
        ).with_key()

    def clauses(self, plan: Plan, blueprint: Blueprint, rng: random.Random) -> list[ClauseParts]:
        """What each call contributes to the instruction."""
        service = rng.random() < self.config.service
        clauses: list[ClauseParts] = []
        said: dict[tuple[str, str], Json] = {}
        for call, filled in zip(plan.calls, blueprint.calls, strict=True):
            pairs = leaf_values(filled.arguments, call.leaves)
            if rng.random() < 0.5:  # a shared value is stated once, or again
                pairs = [
                    (leaf, value)
                    for leaf, value in pairs
                    if not (
                        leaf.parameter in call.shared and said.get((call.spec.tool.toolset, leaf.parameter)) == value
                    )
                ]
            said.update(
                {(call.spec.tool.toolset, leaf.parameter): value for leaf, value in pairs if len(leaf.path) == 1}
            )
            toolset = self.pool.catalog.toolset(call.spec.tool.toolset)
            new = not clauses or plan.calls[len(clauses) - 1].spec.tool.toolset != toolset.name
            clauses.append(
                ClauseParts(
                    call.spec.phrase,
                    tuple(state_values(pairs, rng, call.spec.subject)),
                    tuple(self._references(plan, len(clauses), call)),
                    service_name(toolset, call.spec.phrase) if service and new else "",
                )
            )
        return clauses

    def _references(self, plan: Plan, index: int, call: PlannedCall) -> list[ReferencePart]:
        parts: list[ReferencePart] = []
        for name, reference in call.references.items():
            source = plan.calls[reference.call].spec
            noun = resource_noun(self.pool.operation(source.tool))
            field = next(part for part in reversed(reference.path) if isinstance(part, str))
            parts.append(
                ReferencePart(
                    label=phrase(name),
                    field=field,
                    listed=0 in reference.path,
                    noun=head_noun(source.phrase.rest, noun),
                    previous=reference.call == index - 1,
                )
            )
        return parts

    def _facts(
        self, plan: Plan, clauses: Sequence[ClauseParts], execution: Execution, rng: random.Random
    ) -> list[Fact]:
        stated = " ".join(statement.text for clause in clauses for statement in clause.statements)
        if execution.changed and rng.random() < 0.35:
            return []
        return pick_facts(execution.observations[-1].body, self.pool.promised(plan.calls[-1].spec.tool), stated, rng)

    def sound(self, instruction: str, candidates: Sequence[str], stated: Sequence[Mapping[str, Json]]) -> bool:
        """Names no candidate, states every value, and is not too long."""
        tools = [self.pool.catalog.tool(tool_id) for tool_id in candidates]
        return (
            len(instruction) <= self.config.longest
            and not names_tool(instruction, tools)
            and states_all_values(instruction, stated)
        )
