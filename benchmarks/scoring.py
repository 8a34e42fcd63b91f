"""How our scorers compare with their peers, how fast they are, and whether the intervals hold what they promise.

    python benchmarks/scoring.py bfcl [--mutations 20]        # verdicts and speed against bfcl-eval, in one process
    python benchmarks/scoring.py coverage [--trials 2000]     # intervals on simulated clusters whose truth is known
    python benchmarks/scoring.py judges FOLDER                # ToolAlpaca's rules against a judge's real verdicts

`bfcl` needs the `[bench]` extra and `pip install --no-deps bfcl-eval`.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from bfcl_mutations import accepted_calls, as_python, mutated
from bfcl_peer import PYTHON_CATEGORIES, Peer, load_peer

from toolwise.evaluation.benchmarks.toolalpaca import read_toolalpaca, score_toolalpaca, toolalpaca_rows
from toolwise.evaluation.calls.ast_rules import check_calls
from toolwise.evaluation.calls.attempts import Attempted, read_attempt
from toolwise.evaluation.intervals import mean_with_interval, resampled_interval
from toolwise.evaluation.judge.agreement import kappa_with_interval

Row = tuple[str, str, list[Any], list[Any], list[Any]]
"""Category, id, functions, accepted answers, calls."""


def rows_of(peer: Peer, mutations: int, seed: int) -> list[Row]:
    """For every task of the package with accepted answers: those, and so many mutations of them."""
    rng, rows = random.Random(seed), []
    for category in PYTHON_CATEGORIES:
        answers = peer.data / "possible_answer" / f"BFCL_v4_{category}.json"
        if not answers.exists():
            continue
        questions = (peer.data / f"BFCL_v4_{category}.json").read_text().splitlines()
        for question, answer in zip(map(json.loads, questions), map(json.loads, answers.open()), strict=True):
            functions, right = question["function"], answer["ground_truth"]
            names = [function["name"] for function in functions]
            accepted = accepted_calls(right, functions, rng)
            for calls in (accepted, *(mutated(accepted, names, rng) for _ in range(mutations))):
                rows.append((category, question["id"], functions, right, calls))
    return rows


def bfcl(mutations: int, seed: int) -> None:
    """Verdicts on structured calls, verdicts on text, and the time both take."""
    peer = load_peer()
    if peer is None:
        raise SystemExit("bfcl-eval is not installed: pip install --no-deps bfcl-eval")
    rows = rows_of(peer, mutations, seed)
    called = [[next(iter(call.items())) for call in calls] for *_, calls in rows]
    began = time.perf_counter()
    theirs = [peer.verdict(functions, calls, right, category) for category, _, functions, right, calls in rows]
    middle = time.perf_counter()
    ours = [
        check_calls(functions, right, calls) for (_, _, functions, right, _), calls in zip(rows, called, strict=True)
    ]
    ended = time.perf_counter()
    different = [(row, mine, his) for row, mine, his in zip(rows, ours, theirs, strict=True) if (mine is None) != his]
    print(f"calls: {len(rows):,} predictions, {sum(fault is None for fault in ours):,} accepted")
    print(f"  different verdicts: {len(different)}")
    for row, mine, his in different:
        print(f"    {row[1]}: ours {'accepted' if mine is None else mine.mismatch.value}, theirs {his}")
    print(
        f"  seconds: theirs {middle - began:.2f}, ours {ended - middle:.2f}: {(middle - began) / (ended - middle):.2f}x"
    )
    text(peer, rows, random.Random(seed))


def text(peer: Peer, rows: list[Row], rng: random.Random) -> None:
    """The same as prompted models write it, a part of it damaged."""
    different: Counter[str] = Counter()
    examples: dict[str, str] = {}
    seconds = [0.0, 0.0]
    for category, _, functions, right, calls in rows[::3]:
        written = damaged(as_python(calls), rng)
        names = [function["name"] for function in functions]
        began = time.perf_counter()
        try:
            decoded = peer.decode(written)
            his = peer.decoder.is_function_calling_format_output(decoded)
            his = his and peer.verdict(functions, decoded, right, category) is True
        except Exception:
            his = False
        middle = time.perf_counter()
        attempt = read_attempt(written, names)
        mine = attempt.attempted is Attempted.CALLED and check_calls(functions, right, attempt.calls) is None
        seconds = [seconds[0] + middle - began, seconds[1] + time.perf_counter() - middle]
        if mine != his:
            kind = f"ours {mine}, theirs {his}"
            different[kind] += 1
            examples.setdefault(kind, written[:160])
    print(f"text: {len(rows[::3]):,} predictions; different verdicts: {dict(different)}")
    for kind, example in examples.items():
        print(f"    {kind}: {example}")
    print(f"  seconds: theirs {seconds[0]:.2f}, ours {seconds[1]:.2f}: {seconds[0] / seconds[1]:.2f}x")


def damaged(written: str, rng: random.Random) -> str:
    """As it is, or wrapped, cut, with a character lost or one too many."""
    at = rng.randrange(len(written))
    return rng.choice(
        (
            written,
            written,
            written[1:-1],
            f"```\n{written}\n```",
            written[:at],
            written[:at] + written[at + 1 :],
            written[:at] + rng.choice("()[]{},=+-\"'1a ") + written[at:],
            f"Sure: {written}",
        )
    )


def coverage(trials: int) -> None:
    """Beta-binomial clusters of 2 to 19 tasks: how often the 95% interval holds the true rate."""
    print(f"{'clusters':>8} {'rate':>5} {'corr.':>6} {'ours':>6} {'percentile':>11} {'ignoring clusters':>18}")
    for groups in (10, 20, 40, 100):
        for rate, correlation in ((0.5, 0.0), (0.5, 0.2), (0.2, 0.2), (0.1, 0.1), (0.9, 0.3)):
            print(f"{groups:>8} {rate:>5} {correlation:>6} " + " ".join(_covered(groups, rate, correlation, trials)))


def _covered(groups: int, rate: float, correlation: float, trials: int) -> list[str]:
    rng, held = np.random.default_rng(groups * 1000 + round(rate * 100)), np.zeros(3)
    for trial in range(trials):
        sizes = rng.integers(2, 20, size=groups).astype(np.float64)
        spread = 1 / correlation - 1 if correlation else 0.0
        rates = rng.beta(rate * spread, (1 - rate) * spread, groups) if spread else np.full(groups, rate)
        right = rng.binomial(sizes.astype(int), rates).astype(np.float64)
        low, high = resampled_interval(right, sizes, seed=trial, resamples=500)
        draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=500)
        plain = np.quantile((draws @ right) / (draws @ sizes), [0.025, 0.975])
        mean, total = right.sum() / sizes.sum(), sizes.sum()
        half = 1.96 * np.sqrt(mean * (1 - mean) / total)
        held += (low <= rate <= high, plain[0] <= rate <= plain[1], abs(mean - rate) <= half)
    return [f"{share:>{width}.1%}" for share, width in zip(held / trials, (6, 11, 18), strict=True)]


def judges(folder: Path) -> None:
    """Agreement of ToolAlpaca's rules with the verdicts that its files hold (a language model's, not people's)."""
    benchmark = read_toolalpaca(folder / "eval_simulated.json")
    items = {item.id: item for item in benchmark.items}
    for file in sorted(folder.glob("ToolAlpaca*b.json")):
        rules: dict[str, list[str]] = {"procedure": [], "response": [], "overall": []}
        judged: dict[str, list[str]] = {"procedure": [], "response": [], "overall": []}
        document = json.loads(file.read_text())
        listed = [row for title, rows in document.items() if title != "statistics" for row in rows]
        for row, given in zip(listed, toolalpaca_rows(file, Counter()), strict=True):
            if "process_correctness" not in row:
                continue
            score = score_toolalpaca(items[given["id"]], given["result"])
            said = [row["process_correctness"] == "Yes", row["final_response_correctness"] == "Yes"]
            for name, yes in zip(rules, (*said, all(said)), strict=True):
                rules[name].append(str(score.values[name] == 1.0))
                judged[name].append(str(yes))
        for name, by_rule in rules.items():
            same = mean_with_interval([float(a == b) for a, b in zip(by_rule, judged[name], strict=True)])
            kappa = kappa_with_interval(judged[name], by_rule)
            print(
                f"{file.stem} {name:<9} n = {same.n}: agreement {same.value:.2f} [{same.low:.2f}, {same.high:.2f}], "
                f"kappa {kappa.value:.2f} [{kappa.low:.2f}, {kappa.high:.2f}]; "
                f"yes: rules {by_rule.count('True')}, judge {judged[name].count('True')}"
            )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("bfcl", "coverage", "judges"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--mutations", type=int, default=20)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)  # damaged text is no nice Python
    if given.what == "bfcl":
        bfcl(given.mutations, given.seed)
    elif given.what == "coverage":
        coverage(given.trials)
    elif given.folder is None:
        parser.error("judges needs the folder of ToolAlpaca's files")
    else:
        judges(given.folder)


if __name__ == "__main__":
    main()
