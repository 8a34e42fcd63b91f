"""A made-up run with all that a real one has: varied, seeded, and hostile where `hostile=True`."""

from __future__ import annotations

import json
import math
import random

from toolwise.reports import CatalogStatistics, CorpusStatistics, CurvePoint, RunDocument, Sample
from toolwise.types import (
    Blueprint,
    BlueprintCall,
    Check,
    Checks,
    Funnel,
    Message,
    Metric,
    Node,
    ObservationSource,
    Outcome,
    Provenance,
    Reference,
    RejectReason,
    Role,
    StopReason,
    Task,
    TaskKind,
    ToolCall,
    ToolErrorKind,
    Trajectory,
    Verdict,
)

ATTACK = '<script>window.pwned = true</script><img src=x onerror="window.pwned=true">\'"&</script>'
LONG = "W" * 150
"""A word that fits on no phone."""
SPLITS = ("seen_toolset", "unseen_toolset", "unseen_category")


def rate(value: float, n: int) -> Metric:
    """A rate with Wilson's interval."""
    z = 1.959964
    centre = (value + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(value * (1 - value) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Metric(value=value, n=n, low=max(0.0, centre - half), high=min(1.0, centre + half))


def splits(rows: dict[str, tuple[float, float, float]], n: tuple[int, int, int]) -> dict[str, dict[str, Metric]]:
    return {split: {name: rate(values[i], n[i]) for name, values in rows.items()} for i, split in enumerate(SPLITS)}


def curve(rng: random.Random) -> tuple[CurvePoint, ...]:
    points = []
    step = 0
    for stage, start, end, first, last in (("synthetic", 0, 210, 7.4, 0.62), ("real_documents", 210, 540, 1.35, 0.19)):
        for i in range(200):
            share = i / 199
            step += 8
            seconds = start + (end - start) * share
            loss = last + (first - last) * math.exp(-5 * share) + rng.gauss(0, 0.05 + 0.12 * (1 - share))
            dev = None
            if i % 40 == 39:
                dev = min(0.93, 0.08 + 0.85 * (1 - math.exp(-seconds / 190)) + rng.gauss(0, 0.012))
            points.append(
                CurvePoint(seconds=seconds, step=step, tokens=step * 6144, loss=max(loss, 0.05), dev=dev, stage=stage)
            )
    return tuple(points)


def simple_sample(number: int, rng: random.Random, passed: bool) -> Sample:
    """One call, one answer; a failed one calls another tool."""
    toolset, verb, noun, value = rng.choice(
        [
            ("dns", "managed_zones.get", "managed zone", "zone-7f3a"),
            ("drive", "files.export", "file", "1BxiMVs0XRA5nFMdKvBd"),
            ("ecs", "describe_task_definition", "task definition", "payments-worker:42"),
            ("calendar", "events.quick_add", "event", "Design review on Friday at 15:00"),
            ("polly", "synthesize_speech", "spoken text", "Your order has shipped."),
        ]
    )
    tool = f"{toolset}.{verb}"
    split = SPLITS[number % 3]
    arguments = {"project": "atlas-prod", "name": value, "page_size": 25} if number % 2 else {"name": value}
    task = Task(
        instruction=f"Please look up the {noun} called “{value}” in the project atlas-prod and tell me its status.",
        candidates=(tool, f"{toolset}.list", "storage.buckets.get", "billing.accounts.list"),
        relevant=(tool,),
        blueprint=Blueprint(calls=(BlueprintCall(tool=tool, arguments=arguments),)),
        checks=Checks(facts=("ACTIVE",)),
        provenance=Provenance(pattern="single"),
    ).with_key()
    called = tool if passed else f"{toolset}.list"
    nodes = (
        Node(parent=None, message=Message(role=Role.USER, content=task.instruction)),
        Node(
            parent=0,
            sampled=True,
            message=Message(role=Role.ASSISTANT, tool_calls=(ToolCall(id="1", name=called, arguments=arguments),)),
        ),
        Node(
            parent=1,
            message=Message(
                role=Role.TOOL,
                tool_call_id="1",
                content=json.dumps({"id": value, "status": "ACTIVE" if passed else "UNKNOWN", "size": 3}),
            ),
            source=ObservationSource.SIMULATED,
        ),
        Node(
            parent=2,
            sampled=True,
            message=Message(role=Role.ASSISTANT, content=f"Its status is {'ACTIVE' if passed else 'not known'}."),
        ),
    )
    trajectory = Trajectory(
        task_key=task.key,
        strategy="react",
        policy="model",
        nodes=nodes,
        ends={3: StopReason.ANSWERED},
        model_calls=2,
        budget=8,
    )
    checks = (
        Check(name="format", passed=True),
        Check(name="schema", passed=True),
        Check(
            name="state",
            passed=passed,
            reason=None if passed else RejectReason.WRONG_CALLS,
            detail="" if passed else f"expected {tool}, got {called}",
        ),
    )
    return Sample(
        task=task, trajectory=trajectory, verdict=Verdict(key=task.key, checks=checks), split=split, agent="model"
    )


def search_sample(number: int, text: str = "") -> Sample:
    """DFSDT: a wrong tool, a not-found, a give-up with a branch of its own, then a chain that works."""
    instruction = (
        "Create a bucket named “field-notes-2024” in europe-west4 with uniform access, then upload report.pdf to it, "
        "and tell me the link under which the upload can be reached." + text
    )
    task = Task(
        instruction=instruction,
        kind=TaskKind.CATEGORY,
        candidates=(
            "storage.buckets.insert",
            "storage.objects.insert",
            "storage.objects.get",
            "storage.buckets.list",
            "s3.put_object" + text,
            "s3.create_bucket",
            "drive.files.create",
        ),
        relevant=("storage.buckets.insert", "storage.objects.insert"),
        blueprint=Blueprint(
            calls=(
                BlueprintCall(
                    tool="storage.buckets.insert",
                    arguments={
                        "name": "field-notes-2024",
                        "location": "europe-west4",
                        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
                    },
                ),
                BlueprintCall(
                    tool="storage.objects.insert",
                    arguments={"name": "report.pdf"},
                    references={"bucket": Reference(call=0, path=("items", 0, "id"))},
                ),
            )
        ),
        checks=Checks(facts=("https://storage.example.com/field-notes-2024/report.pdf",)),
        provenance=Provenance(pattern="chain"),
    ).with_key()
    nodes: list[Node] = []

    def add(parent: int | None, message: Message, error: ToolErrorKind | None = None) -> int:
        source = ObservationSource.SIMULATED if message.role is Role.TOOL else None
        nodes.append(
            Node(parent=parent, message=message, sampled=message.role is Role.ASSISTANT, error=error, source=source)
        )
        return len(nodes) - 1

    def act(parent: int, thought: str, name: str, arguments: dict[str, object]) -> int:
        call = ToolCall(id=str(len(nodes)), name=name, arguments=arguments)
        return add(parent, Message(role=Role.ASSISTANT, thought=thought, tool_calls=(call,)))

    def see(parent: int, body: object, error: ToolErrorKind | None = None) -> int:
        return add(parent, Message(role=Role.TOOL, content=json.dumps(body)), error)

    ends: dict[int, StopReason] = {}
    root = add(None, Message(role=Role.USER, content=instruction))
    a = act(root, "The request speaks of a bucket; S3 has buckets.", "s3.create_bucket", {"Bucket": "field-notes-2024"})
    a = see(a, {"error": {"field": "CreateBucketConfiguration", "message": "missing"}}, ToolErrorKind.INVALID_ARGUMENTS)
    b = act(a, text, "s3.put_object" + text, {"x" + text: "x", "Bucket": "field-notes-2024", "Key": "report.pdf"})
    b = see(b, {"error": {"code": 404, "message": "no bucket field-notes-2024"}}, ToolErrorKind.NOT_FOUND)
    ends[b] = StopReason.GAVE_UP
    c = act(a, "Try once more with a location.", "s3.create_bucket", {"Bucket": "field-notes-2024", "Region": "eu"})
    c = see(c, {"error": {"field": "Region", "message": "unknown argument"}}, ToolErrorKind.INVALID_ARGUMENTS)
    ends[c] = StopReason.STEP_LIMIT
    d = act(
        root,
        "europe-west4 is a Google location, so this is Cloud Storage.",
        "storage.buckets.insert",
        {
            "name": "field-notes-2024",
            "location": "europe-west4",
            "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
        },
    )
    bucket = {
        "kind": "storage#bucket",
        "items": [{"id": "field-notes-2024", "timeCreated": "2024-05-11T09:12:44Z", "location": "EUROPE-WEST4"}],
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True, "lockedTime": None}},
        "labels": {"team": "fieldwork", "cost": "research"},
        "versioning": {"enabled": False},
    }
    d = see(d, bucket)
    e = act(
        d,
        "The bucket exists. Now the upload.",
        "storage.objects.insert",
        {"bucket": "field-notes-2024", "name": "report.pdf"},
    )
    e = see(e, {"mediaLink": "https://storage.example.com/field-notes-2024/report.pdf"})
    right = number % 3 != 2
    link = "https://storage.example.com/field-notes-2024/report.pdf" if right else "https://storage.example.com/report"
    f = add(e, Message(role=Role.ASSISTANT, content=f"Done. The upload can be reached at {link} {text}".strip()))
    ends[f] = StopReason.ANSWERED
    trajectory = Trajectory(
        task_key=task.key, strategy="dfsdt", policy="model", nodes=tuple(nodes), ends=ends, model_calls=6, budget=16
    )
    grounding = Check(
        name="grounding",
        passed=right,
        reason=None if right else RejectReason.UNGROUNDED,
        detail="" if right else "the answer lacks: https://storage.example.com/field-notes-2024/report.pdf" + text,
    )
    verdict = Verdict(
        key=task.key, checks=(Check(name="format", passed=True), Check(name="state", passed=True), grounding)
    )
    return Sample(task=task, trajectory=trajectory, verdict=verdict, split=SPLITS[number % 3], agent="model")


def asking_sample(number: int) -> Sample:
    task = Task(
        instruction="Book me a table for four tonight.",
        candidates=("tables.book", "tables.list", "venues.search"),
        relevant=(),
        checks=Checks(outcome=Outcome.ASK),
        provenance=Provenance(pattern="missing_value"),
    ).with_key()
    nodes = (
        Node(parent=None, message=Message(role=Role.USER, content=task.instruction)),
        Node(
            parent=0,
            message=Message(role=Role.ASSISTANT, content="At which restaurant, and at what time?"),
            sampled=True,
        ),
    )
    trajectory = Trajectory(
        task_key=task.key, strategy="react", policy="model", nodes=nodes, ends={1: StopReason.ANSWERED}
    )
    return Sample(task=task, trajectory=trajectory, split=SPLITS[number % 3], agent="model")


def samples(rng: random.Random, many: int) -> tuple[Sample, ...]:
    found: list[Sample] = []
    for i in range(many):
        if i % 3 == 0:
            found.append(search_sample(i // 3))
        elif i % 10 == 7:
            found.append(asking_sample(i))
        else:
            found.append(simple_sample(i, rng, passed=rng.random() < 0.75))
    return tuple(found)


def categories(rng: random.Random) -> dict[str, int]:
    names = (
        "Analytics", "Artificial intelligence", "Business productivity", "Commerce", "Compute", "Containers",
        "Customer engagement", "Databases", "Developer tools", "End-user computing", "Finance", "Games",
        "Internet of things", "Management and governance", "Maps and location", "Media", "Messaging", "Migration",
        "Networking and content delivery", "Search", "Security, identity and compliance", "Social", "Storage",
    )  # fmt: skip
    return {name: rng.randint(3, 44) for name in names}


def demo_document(hostile: bool = False, many: int = 36, seed: int = 7) -> RunDocument:
    rng = random.Random(seed)
    text = LONG + ATTACK if hostile else ""
    found = samples(rng, many)
    if hostile:
        found = (search_sample(1, text), *found, search_sample(1, text))
    model = {
        "exact_call": (0.934, 0.912, 0.861),
        "valid_call": (1.0, 1.0, 1.0),
        "pass_react": (0.791, 0.742, 0.664),
        "pass_dfsdt": (0.853, 0.818, 0.729),
    }
    nearest = {
        "exact_call": (0.412, 0.423, 0.398),
        "valid_call": (0.81, 0.79, 0.802),
        "pass_react": (0.284, 0.291, 0.262),
        "pass_dfsdt": (0.311, 0.305, 0.279),
    }
    untrained = {
        "exact_call": (0.0, 0.002, 0.0),
        "valid_call": (1.0, 1.0, 1.0),
        "pass_react": (0.004, 0.0, 0.0),
        "pass_dfsdt": (0.004, 0.006, 0.0),
    }
    null = {
        "exact_call": (0.0, 0.0, 0.0),
        "valid_call": (0.0, 0.0, 0.0),
        "pass_react": (0.052, 0.049, 0.061),
        "pass_dfsdt": (0.052, 0.049, 0.061),
    }
    n = (486, 512, 377)
    retrieval = {
        "bm25": {"ndcg@1": rate(0.412, 1375), "ndcg@5": rate(0.523, 1375), "recall@5": rate(0.601, 1375)},
        "dense": {"ndcg@1": rate(0.463, 1375), "ndcg@5": rate(0.588, 1375), "recall@5": rate(0.679, 1375)},
        "fusion": {"ndcg@1": rate(0.534, 1375), "ndcg@5": rate(0.657, 1375), "recall@5": rate(0.748, 1375)},
    }
    by_category = categories(rng)
    return RunDocument(
        title="A 3.4-million-parameter model that calls tools it has never seen" + text,
        subtitle="Trained from nothing on 4,218 verified tasks made from 412 real API documents, "
        "in nine minutes on four CPU cores." + text,
        created="11 May 2024, seed 7",
        model=splits(model, n),
        baselines={
            "nearest_tool": splits(nearest, n),
            "untrained": splits(untrained, n),
            "null": splits(null, n),
        },
        retrieval=retrieval,
        retrieval_pool=41873,
        funnels={
            "documents": Funnel(entered=447, accepted=412, rejected=35, reasons={"not_openapi": 31, "too_large": 4}),
            "tasks": Funnel(
                entered=9214,
                accepted=6120,
                rejected=3094,
                reasons={"no_value": 1211, "ambiguous": 904, "call_failed": 688, "duplicate": 291},
            ),
            "trajectories": Funnel(
                entered=6120,
                accepted=4218,
                rejected=1871,
                failed=31,
                reasons={
                    "no_answer": 702,
                    "wrong_calls": 655,
                    "wrong_state": 240,
                    "ungrounded": 163,
                    "replay_differs": 111,
                    "timeout" + text: 31,
                },
            ),
            "examples": Funnel(
                entered=4218, accepted=4102, rejected=102, pending=14, reasons={"too_long": 61, "leak": 41}
            ),
        },
        catalog=CatalogStatistics(
            toolsets=412,
            tools=41873,
            parameters=318204,
            tools_per_second=5230.4,
            categories={**by_category, **({text: 5} if hostile else {})},
            left_out={"not_an_openapi_document": 31, "too_large": 4, "deprecated": 612, "no_schema": 77},
        ),
        corpus=CorpusStatistics(
            tasks=4218,
            toolsets=377,
            tools=3344,
            by_split={"train": 2640, "dev": 203, "seen_toolset": 486, "unseen_toolset": 512, "unseen_category": 377},
            by_kind={"single": 2810, "category": 902, "collection": 506},
            by_pattern={
                "single": 2231,
                "parallel": 611,
                "chain": 902,
                "no_tool": 211,
                "no_fit": 148,
                "missing_value": 115,
            },
            calls_per_task={0: 474, 1: 2231, 2: 901, 3: 402, 4: 151, 5: 59},
            by_category={name: 9 * number for name, number in by_category.items()},
            examples={"sft": 4102, "preference": 1640, "retrieval": 5211},
        ),
        curve=curve(rng),
        samples=found,
        seconds={
            "catalog": 9.4,
            "tasks": 31.2,
            "search": 42.8,
            "verification": 12.1,
            "corpus": 6.3,
            "retriever": 88.0,
            "training": 540.2,
            "evaluation": 121.7,
            "report": 0.61,
            "total": 852.3,
        },
        peak_memory_mb=2310.5,
        provenance={
            "command": "toolwise demo --out demo-run --minutes 9 --seed 7",
            "seed": 7,
            "config_fingerprint": "5e0c9b1f7a2d4c68e013",
            "package": "toolwise 0.1.0",
            "python": "3.11.9",
            "machine": "4 CPU cores, no GPU",
            "versions": {"torch": "2.13.0", "transformers": "5.23.0", "tokenizers": "0.22.1", "note": text},
            "config": {
                "training": {"minutes": 9, "layers": 4, "width": 256, "learning_rate": 0.003},
                "search": {"strategies": ["react", "dfsdt"], "budget": 16, "width": 2},
            },
        },
    )
