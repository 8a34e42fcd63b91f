"""pass^k: would k independent attempts all succeed?"""

from __future__ import annotations

from math import comb


def pass_power_k(passed: int, attempts: int, k: int) -> float:
    """C(passed, k) / C(attempts, k): the unbiased chance that `k` of a task's attempts all pass.

    tau-bench (Yao et al., arXiv 2406.12045, section 3); average it over tasks.
    Raises ValueError unless 1 <= k <= attempts and 0 <= passed <= attempts.
    """
    if not 1 <= k <= attempts or not 0 <= passed <= attempts:
        raise ValueError(f"pass^{k} is undefined for {passed} passes of {attempts} attempts")
    return comb(passed, k) / comb(attempts, k)
