"""Exact worlds: BlocksWorld, Logistics and SpellAndWrite, with instances, optimal plans, PDDL import and variants."""

from toolwise.worlds.planning.layout import Domain, Instance, InstanceError, Layout, Operator, Wording
from toolwise.worlds.planning.pddl import PddlError, parse_problem, read_pddl
from toolwise.worlds.planning.solver import Plan, TooHardError, solve
from toolwise.worlds.planning.subject import SIZES, PlanningSubject
from toolwise.worlds.planning.validator import check_plan
from toolwise.worlds.planning.variants import DOMAINS, Variant, is_exact_world, open_variant
from toolwise.worlds.planning.world import PlanningSession, PlanningWorld

__all__ = [
    "DOMAINS",
    "SIZES",
    "Domain",
    "Instance",
    "InstanceError",
    "Layout",
    "Operator",
    "PddlError",
    "Plan",
    "PlanningSession",
    "PlanningSubject",
    "PlanningWorld",
    "TooHardError",
    "Variant",
    "Wording",
    "check_plan",
    "is_exact_world",
    "open_variant",
    "parse_problem",
    "read_pddl",
    "solve",
]
