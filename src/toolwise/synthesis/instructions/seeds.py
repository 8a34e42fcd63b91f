"""The seed examples for single toolsets; three of them stand in each prompt."""

from toolwise.synthesis.instructions.multi_seeds import MULTI_SEEDS
from toolwise.synthesis.instructions.seed import Seed

__all__ = ["MULTI_SEEDS", "SINGLE_SEEDS", "Seed"]

SINGLE_SEEDS: tuple[Seed, ...] = (
    Seed(
        (
            "Pellworm Tides: gives high and low water for a harbour and a date",
            "Pellworm Tides: lists harbours near a position",
        ),
        "When is high water at Hooger Fähre on 2027-03-14? I want to cross with the dog before it floods.",
        (0,),
    ),
    Seed(
        (
            "Loomkeeper: reserves a loom for a member and a day",
            "Loomkeeper: lists free looms",
            "Loomkeeper: cancels a reservation",
        ),
        "Member W-418 can't make it any more, so please drop reservation RSV-20931. If anything with eight shafts is "
        "free on 2027-05-02 instead, tell me which looms those are.",
        (2, 1),
    ),
    Seed(
        ("Brightseed Bank: shows a seed lot's germination test", "Brightseed Bank: requests seeds of a lot"),
        "Send 25 grams of lot BS-77-104 to the Almere trial garden, but first check what its last germination test "
        "came to.",
        (1, 0),
    ),
    Seed(
        ("Kitebus: finds departures between two stops", "Kitebus: buys a ticket for a departure"),
        "I need to be in Tarn Cross by noon on Saturday the 2027-06-19, starting from Quarry Lane. What leaves, and "
        "how long does each one take?",
        (0,),
    ),
    Seed(
        ("Ossuary Index: searches specimens by species and bone", "Ossuary Index: gives a specimen's record"),
        "Pull up the complete record of specimen OI-3320-F, please; the left femur looked mislabelled in yesterday's "
        "class.",
        (1,),
    ),
    Seed(
        (
            "Hearthwatch: reads a chimney sensor",
            "Hearthwatch: sets an alarm limit for a sensor",
            "Hearthwatch: lists a building's sensors",
        ),
        "The stove in the reading room runs hot. Which sensors hang in building B-12? And set sensor HW-9-b to raise "
        "the alarm at 310 degrees.",
        (2, 1),
    ),
    Seed(
        ("Quillpost: sends a letter from a template", "Quillpost: tells where a letter is"),
        "Has the letter with tracking code QP55-0081-ZK reached Mrs Adeyemi yet?",
        (1,),
    ),
    Seed(
        ("Saltworks Payroll: adds hours for a worker", "Saltworks Payroll: closes a month"),
        "Put 6.5 hours down for worker 2207 on 2027-02-27, he covered the late shift at the evaporation ponds.",
        (0,),
    ),
    Seed(
        (
            "Cloudberry Maps: finds huts along a trail",
            "Cloudberry Maps: gives a trail's profile",
            "Cloudberry Maps: reports a fallen tree",
        ),
        "My sister and I start on trail CB-E4 next week and neither of us is fast. How much climbing is there, and "
        "which huts with at least 2 beds lie along it? We'd carry a tent if there are none.",
        (1, 0),
    ),
    Seed(
        ("Vesper Choir Library: searches scores", "Vesper Choir Library: lends a score to a choir"),
        "Could you look for a setting of 'Ubi caritas' for 4 voices that takes under 5 minutes?",
        (0,),
    ),
    Seed(
        ("Pondlife Lab: books a microscope", "Pondlife Lab: uploads a sample's measurements"),
        "Microscope M3 for group Daphnia on 2027-01-20 from 14:00, two hours. Thanks!",
        (0,),
    ),
    Seed(
        (
            "Old Mill Rentals: gives a flat's meter readings",
            "Old Mill Rentals: files a repair",
            "Old Mill Rentals: lists a tenant's invoices",
        ),
        "I moved out of flat 4C in the spring and the final bill makes no sense to me. List all invoices of tenant "
        "T-0934 from 2026, show me the meter readings of 4C for the same year, and, since nobody ever came, file "
        "a repair for the dripping boiler there with priority high.",
        (2, 0, 1),
    ),
)
"""For kind single: 12, one service each."""
