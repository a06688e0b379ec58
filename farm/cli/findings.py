"""Shows the results of `farm doctor` and `farm doctor --sandbox`: a table, and a last line with the conclusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from farm.cli.output import show_table, tell
from farm.doctor import Finding

_OUTCOME = ("topic", "attempt", "expected", "found", "detail")


def show_findings(findings: Sequence[Finding]) -> None:
    """Show what was found on this host, and then name what is missing."""
    rows = [(each.state, each.subject, each.found, each.advice) for each in findings]
    show_table(("", "subject", "found", "advice"), rows, has_text=True)
    missing = ", ".join(each.subject for each in findings if each.state == "missing")
    tell(f"missing: {missing}" if missing else "nothing is missing")


def show_attempts(report: dict[str, Any]) -> None:
    """Show the result of every attempt in the sandbox, and whether the sandbox holds.

    Args:
        report: what `farm.doctor.try_sandbox` returns.
    """
    rows = [
        ("ok" if each["found"] == each["expected"] else "WRONG", *(each[name] for name in _OUTCOME))
        for each in report["outcomes"]
    ]
    if rows:
        show_table(("", *_OUTCOME), rows, has_text=True)
    if report["ok"]:
        tell(f"the sandbox holds: {', '.join(report['layers'])}")
        return
    wrong = f"{sum(row[0] != 'ok' for row in rows)} of {len(rows)} attempts went wrong"
    tell(f"the sandbox does not hold: {report['notice'] or wrong}")
