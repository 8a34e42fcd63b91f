"""Real MCP servers to a verified corpus, by one command: `python examples/mcp/practise.py`.

Imports five servers, draws tasks that they really solve, and keeps the trajectories that fresh servers replay alike.
After the servers are installed nothing leaves this machine. Needs node, npm, git, and:

    pip install 'toolwise[mcp]' mcp-server-git mcp-server-time
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from toolwise.errors import ToolwiseError
from toolwise.pipelines.catalog import import_documents
from toolwise.pipelines.real_tools import Practice, practise
from toolwise.ports import Progress
from toolwise.synthesis import SynthesisConfig
from toolwise.worlds.mcp import McpWorld, McpWorldConfig

HERE = Path(__file__).resolve().parent
NPM_SERVERS = ("server-filesystem", "server-memory", "server-everything")
PYTHON_SERVERS = ("mcp-server-git", "mcp-server-time")
MOMENT = "2026-01-05T09:00:00+00:00"
"""When the example's commits are made, so that they have the same hashes in every session."""

NOTES = {
    "notes/budget.txt": "The budget is 4200 euros",
    "notes/kickoff.txt": "Kick-off on Tuesday at nine",
    "notes/venue.txt": "The venue is the Harbour Hall",
    "notes/speaker.txt": "Ada Moreau gives the first talk",
    "notes/menu.txt": "Lentil soup and rye bread",
    "lists/guests.txt": "Eleven guests have accepted",
    "lists/hotels.txt": "Rooms at the Anchor Inn",
    "lists/badges.txt": "Badges are printed in blue",
    "archive/old_venue.txt": "The old venue was the Town Mill",
    "archive/last_year.txt": "Last year 86 people came",
}
GRAPH = (
    ("entity", "Ada Moreau", "person", ["gives the first talk"]),
    ("entity", "Harbour Hall", "venue", ["seats 120 people"]),
    ("entity", "Anchor Inn", "hotel", ["holds nine rooms"]),
    ("entity", "Lentil Kitchen", "caterer", ["cooks for the evening"]),
    ("relation", "Ada Moreau", "Harbour Hall", "speaks at"),
    ("relation", "Lentil Kitchen", "Harbour Hall", "delivers to"),
)
ZONES = ("Europe/Paris", "Asia/Tokyo", "America/New_York", "Australia/Sydney", "Africa/Cairo", "Asia/Kolkata")
REPO = "/workspace/repo"
FILES = tuple(f"/workspace/{name}" for name in NOTES)
NEW = tuple(f"/workspace/{folder}/{name}.txt" for folder in ("notes", "lists") for name in ("plan", "music", "parking"))

VALUES = {
    "secure-filesystem-server.write_file.path": NEW,
    "secure-filesystem-server.write_file.content": ("Doors open at eight", "Bring the blue cables", "Ask for Noor"),
    "secure-filesystem-server.create_directory.path": tuple(f"/workspace/{n}" for n in ("photos", "bills", "press")),
    "secure-filesystem-server.move_file.source": FILES,
    "secure-filesystem-server.move_file.destination": tuple(
        f"/workspace/archive/{n}.txt" for n in ("a", "b", "c", "d")
    ),
    "secure-filesystem-server.list_directory*.path": ("/workspace/notes", "/workspace/lists", "/workspace/archive"),
    "secure-filesystem-server.directory_tree.path": ("/workspace/notes", "/workspace/lists"),
    "secure-filesystem-server.search_files.path": ("/workspace",),
    "secure-filesystem-server.search_files.pattern": ("**/*venue*", "**/budget.txt", "**/*.md"),
    "secure-filesystem-server.*.path": FILES,
    "secure-filesystem-server.*.paths": FILES,
    "secure-filesystem-server.*.head": (1, 2, 3),
    "secure-filesystem-server.*.tail": (1, 2, 3),
    "memory-server.search_nodes.query": ("Ada", "Harbour", "hotel", "Lentil", "Moreau", "Anchor", "caterer", "venue"),
    "memory-server.open_nodes.names": tuple(row[1] for row in GRAPH if row[0] == "entity"),
    "memory-server.delete_entities.entityNames": tuple(row[1] for row in GRAPH if row[0] == "entity"),
    "mcp-git.*.repo_path": (REPO,),
    "mcp-git.git_create_branch.branch_name": ("spring", "autumn", "press-kit", "floor-plan", "winter", "summer"),
    "mcp-git.git_create_branch.base_branch": ("main", "draft"),
    "mcp-git.git_checkout.branch_name": ("draft",),
    "mcp-git.git_add.files": ("todo.txt", "prices.txt"),
    "mcp-git.git_commit.message": (
        "Add the todo list",
        "Note what is left",
        "Keep the list",
        "Write down the todo list",
    ),
    "mcp-git.*.target": ("main", "draft"),
    "mcp-git.*.revision": ("main", "draft"),
    "mcp-time.*.timezone": ZONES,
    "mcp-time.convert_time.source_timezone": ZONES,
    "mcp-time.convert_time.target_timezone": ZONES,
    "mcp-time.convert_time.time": tuple(f"{hour:02}:{minute}" for hour in range(24) for minute in ("00", "15", "40")),
}
LEAVE_OUT = (
    "everything.gzip-file-as-resource",  # fetches an address: nothing here leaves this machine
    "everything.trigger-long-running-operation",  # only waits
    "everything.get-env",  # tells this machine's environment
    "everything.toggle-*",  # sends notifications for ever
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("mcp-run"), help="the folder to write into")
    parser.add_argument("--servers", type=Path, default=HERE / "servers", help="where the npm servers are, or will be")
    parser.add_argument("--count", type=int, default=120, help="tasks to draw")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        sources = servers(options.servers)
        workspace = make_workspace(options.out / "workspace")
        imported = import_documents(sources, options.out / "catalog", "auto", progress)
        config = McpWorldConfig(
            workspace=workspace, shared=("mcp-git", "mcp-time", "everything"), consent=True, call_seconds=20
        )
        practice = Practice(
            count=options.count,
            values=VALUES,
            leave_out=LEAVE_OUT,
            synthesis=SynthesisConfig(attempts=12, negatives=0.05, service=0.5),
            seed=options.seed,
        )
        done = practise(options.out / "catalog", options.out, lambda tools: McpWorld(tools, config), practice, progress)
    except ToolwiseError as error:
        print(f"practise: {error}", file=sys.stderr)
        return error.exit_code
    done = {"tools": imported["tools"], **done, "seconds": round(time.monotonic() - started, 1)}
    print(json.dumps(done, indent=2) if options.json else told(done, options.out))
    return 0


def servers(folder: Path) -> list[str]:
    """The five servers as sources; those of npm are installed into `folder` if they are not there."""
    binaries = folder / "node_modules" / ".bin"
    if not all((binaries / f"mcp-{name}").exists() for name in NPM_SERVERS):
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [f"@modelcontextprotocol/{name}" for name in NPM_SERVERS]
        subprocess.run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *wanted], check=True
        )
    beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = {name: shutil.which(name, path=beside) for name in PYTHON_SERVERS}
    if missing := [name for name, path in found.items() if path is None]:
        raise ToolwiseError(f"{missing[0]} is not installed; pip install {' '.join(PYTHON_SERVERS)}")
    npm = {name: str((binaries / f"mcp-{name}").resolve()) for name in NPM_SERVERS}
    who = " ".join(f"GIT_{role}_NAME=Ada GIT_{role}_EMAIL=ada@example.com" for role in ("AUTHOR", "COMMITTER"))
    return [
        f"mcp:node {npm['server-filesystem']} {{workspace}}",
        f"mcp:MEMORY_FILE_PATH={{workspace}}/memory.jsonl node {npm['server-memory']}",
        f"mcp:node {npm['server-everything']}",
        f"mcp:{who} GIT_AUTHOR_DATE={MOMENT} GIT_COMMITTER_DATE={MOMENT} {found['mcp-server-git']}",
        f"mcp:{found['mcp-server-time']} --local-timezone Etc/UTC",
    ]


def make_workspace(folder: Path) -> Path:
    """The folder that every session starts from a copy of: notes, a knowledge graph, and a git repository."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in NOTES.items():
        write(folder / name, text)
    lines = []
    for kind, first, second, third in GRAPH:
        if kind == "entity":
            lines.append({"type": kind, "name": first, "entityType": second, "observations": third})
        else:
            lines.append({"type": kind, "from": first, "to": second, "relationType": third})
    write(folder / "memory.jsonl", "\n".join(json.dumps(line) for line in lines))
    repo = folder / "repo"
    write(repo / "plan.txt", "Open the doors at eight\n")
    git(repo, "init", "--quiet", "--initial-branch=main")
    git(repo, "add", "plan.txt")
    git(repo, "commit", "--quiet", "-m", "Begin the plan")
    git(repo, "branch", "draft")
    write(repo / "prices.txt", "Tickets cost 12 euros\n")
    write(repo / "todo.txt", "Order the badges\n")
    git(repo, "add", "todo.txt")
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def git(repo: Path, *arguments: str) -> None:
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in
           (("NAME", "Ada"), ("EMAIL", "ada@example.com"), ("DATE", MOMENT))}  # fmt: skip
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", "-C", repo, *arguments], check=True, env={**os.environ, **who, **quiet})


def progress(event: Progress) -> None:
    if event.done == event.total or event.done % 20 == 0:
        print(f"{event.stage}: {event.done}/{event.total}", file=sys.stderr)


def told(done: dict[str, object], out: Path) -> str:
    funnel = done["funnel"]
    assert isinstance(funnel, dict)
    lines = [
        f"{done['tools']} tools; draws: {funnel['in']} in = {funnel['accepted']} accepted "
        f"+ {funnel['rejected']} rejected + {funnel['failed']} failed + {funnel['pending']} pending",
        f"in {done['seconds']} s -> {out}",
        *(f"  {reason}: {count}" for reason, count in funnel["reasons"].items()),
        "accepted, before near-duplicates are taken out:",
        *(f"  {toolset}: {count}" for toolset, count in dict(done["accepted"]).items()),  # type: ignore[call-overload]
        f"examples: {done['examples']}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
