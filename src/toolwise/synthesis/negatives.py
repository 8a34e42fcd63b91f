"""Negatives: tasks in which the right move is not to call."""

from __future__ import annotations

import random

from toolwise.answers import DECLINED
from toolwise.synthesis.candidates import Need, choose_candidates, unrelated_candidates
from toolwise.synthesis.drafts import Drafter, Draw
from toolwise.synthesis.filling import Unstatable, leaf_values
from toolwise.synthesis.plans import Pattern, Plan, PlannedCall
from toolwise.synthesis.smalltalk import needs_no_tool
from toolwise.synthesis.specs import Leaf
from toolwise.synthesis.wording.instruction import ClauseParts, write_instruction
from toolwise.synthesis.wording.rules import names_tool, states_value
from toolwise.synthesis.wording.statements import state_values
from toolwise.types import Checks, Outcome, Provenance, RejectReason, Task, TaskKind, WorldSpec, content_key


class Negatives:
    """Makes the three sorts of negatives, with the same wording and the same candidates as other tasks."""

    def __init__(self, drafter: Drafter) -> None:
        self._drafter = drafter
        self._pool = drafter.pool

    def task(self, pattern: Pattern, call: PlannedCall | None, draw: Draw) -> Task | RejectReason:
        """A negative of the given sort; `call` is the request that is not served, where the sort has one."""
        if pattern is Pattern.NO_TOOL:
            return self._no_tool(draw)
        if call is None:
            return RejectReason.NO_VALUE
        return self._no_fit(call, draw) if pattern is Pattern.NO_FIT else self._missing_value(call, draw)

    def _no_tool(self, draw: Draw) -> Task | RejectReason:
        count = self._drafter.config.candidates
        tools = list(self._pool.tools)
        if len(tools) < count:
            return RejectReason.AMBIGUOUS
        question = needs_no_tool(draw.rng)
        candidates = tuple(tool.id for tool in draw.rng.sample(tools, count))
        checks = Checks(outcome=Outcome.ANSWER, facts=(question.answer,), labels=("answer",))
        return self._finish(question.text, candidates, checks, Pattern.NO_TOOL, draw)

    def _no_fit(self, call: PlannedCall, draw: Draw) -> Task | RejectReason:
        worded = self._worded(call, None, draw.rng)
        if worded is None:
            return RejectReason.NO_VALUE
        need = Need(call.spec.tool, call.spec.phrase, frozenset(leaf.parameter for leaf in call.leaves))
        candidates = unrelated_candidates(need, self._drafter.config.candidates, self._pool, draw.rng)
        if candidates is None:
            return RejectReason.AMBIGUOUS
        checks = Checks(outcome=Outcome.DECLINE, facts=(DECLINED,), labels=("answer",))
        return self._finish(worded, candidates, checks, Pattern.NO_FIT, draw)

    def _missing_value(self, call: PlannedCall, draw: Draw) -> Task | RejectReason:
        needed = [
            leaf
            for leaf in call.leaves
            if leaf.path == (leaf.parameter,) and leaf.parameter in call.spec.required and leaf.kind != "boolean"
        ]
        if not needed:
            return RejectReason.NO_VALUE
        missing = draw.rng.choice(needed)
        worded = self._worded(call, missing, draw.rng)
        if worded is None:
            return RejectReason.NO_VALUE
        given = frozenset(leaf.parameter for leaf in call.leaves if leaf is not missing)
        full = Need(call.spec.tool, call.spec.phrase, given | {missing.parameter})
        candidates = choose_candidates([full], self._drafter.config.candidates, self._pool, draw.rng)
        if candidates is None or self._served(candidates, Need(call.spec.tool, call.spec.phrase, given)):
            return RejectReason.AMBIGUOUS
        checks = Checks(outcome=Outcome.ASK, facts=(missing.label,), labels=(missing.label,))
        return self._finish(worded, candidates, checks, Pattern.MISSING_VALUE, draw)

    def _served(self, candidates: tuple[str, ...], need: Need) -> bool:
        """Could some other candidate do it with what is given?"""
        others = (self._pool.catalog.tool(tool_id) for tool_id in candidates if tool_id != need.tool.id)
        return any(
            set(other.required) <= need.given <= set(other.properties) and need.phrase.words <= self._pool.words(other)
            for other in others
        )

    def _worded(self, call: PlannedCall, missing: Leaf | None, rng: random.Random) -> str | None:
        """The request with all values but the missing one; none where that cannot be said."""
        plan = Plan(Pattern.SINGLE, TaskKind.SINGLE, (call,))
        try:
            blueprint = self._drafter.blueprint(plan, rng)
        except Unstatable:
            return None
        pairs = leaf_values(blueprint.calls[0].arguments, call.leaves)
        kept = [(leaf, value) for leaf, value in pairs if leaf is not missing]
        clause = ClauseParts(call.spec.phrase, tuple(state_values(kept, rng, call.spec.subject)))
        text = write_instruction([clause], (), rng)
        if not all(states_value(text, leaf.path, value) for leaf, value in kept):
            return None
        return None if names_tool(text, [call.spec.tool]) else text

    def _finish(
        self, instruction: str, candidates: tuple[str, ...], checks: Checks, pattern: Pattern, draw: Draw
    ) -> Task | RejectReason:
        tools = [self._pool.catalog.tool(tool_id) for tool_id in candidates]
        if names_tool(instruction, tools) or len(instruction) > self._drafter.config.longest:
            return RejectReason.AMBIGUOUS
        shuffled = list(candidates)
        draw.rng.shuffle(shuffled)
        spec = WorldSpec(name=self._drafter.world.name, seed=draw.seed)
        task = Task(
            instruction=instruction,
            kind=TaskKind.SINGLE,
            candidates=tuple(shuffled),
            relevant=(),
            world=spec,
            checks=checks,
            provenance=Provenance(split=draw.split, seed=draw.seed, pattern=pattern.value),
        )
        state = content_key(self._drafter.world.open(task).state())
        return task.model_copy(update={"checks": checks.model_copy(update={"final_state": state})}).with_key()
