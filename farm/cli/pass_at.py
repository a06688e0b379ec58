"""The option `farm verify --pass-at`: reads the values of k, and shows the results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from farm.cli.output import tell
from farm.cli.rows import Row
from farm.client import Run
from farm.errors import InvalidRequest


def read_pass_at(text: str, rows: Sequence[Row]) -> list[int]:
    """Return the values of k in a text such as `1,8,32`, after a check that each problem has enough attempts.

    Raises:
        InvalidRequest: the text is not such a list, a row has no problem, or a problem has too few attempts.
    """
    words = text.split(",")
    if not all(word.strip().isascii() and word.strip().isdigit() and int(word) for word in words):
        raise InvalidRequest(f"--pass-at takes numbers of attempts, such as 1,8,32 (got {text!r})")
    counts = sorted({int(word) for word in words})
    attempts = Counter(row.problem for row in rows)
    if None in attempts:
        raise InvalidRequest(
            f"--pass-at groups attempts by their problem, which {attempts[None]} of {len(rows)} rows do not have:"
            " --problem-column names the column"
        )
    problem, fewest = min(attempts.items(), key=lambda item: item[1])
    if counts[-1] > fewest:
        raise InvalidRequest(
            f"--pass-at {counts[-1]} needs {counts[-1]} attempts at each problem; {problem!r} has {fewest}"
        )
    return counts


def tell_pass_at(counts: Sequence[int], run: Run) -> None:
    """Print pass@k for each k. Undecided proofs count as failed; if there are any, each line says so."""
    undecided = run.counts.undecided
    note = f", at least: {undecided} undecided counted as failed" if undecided else ""
    for k in counts:
        tell(f"pass@{k} {run.pass_at_k(k, undecided='failed'):.4f}{note}")
