"""Shows the feedback of `farm verify --feedback`: what helps to repair a proof."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from farm.cli.output import tell
from farm.models import Feedback, Verdict


def show_feedback(verdicts: Iterable[Verdict]) -> None:
    """Print the feedback of each verdict on stderr: the error and its place, the tactic that failed, and the goals."""
    for verdict in verdicts:
        for each in verdict.feedback:
            tell("\n".join(_lines(verdict.id, each)))


def _lines(name: str, feedback: Feedback) -> Iterator[str]:
    place = f":{feedback.pos.line}:{feedback.pos.column}" if feedback.pos else ""
    yield f"\n{name}{place}: {feedback.error.splitlines()[0] if feedback.error else ''}"
    if feedback.tactic:
        yield f"  tactic  {feedback.tactic}"
    for goal in feedback.goals:
        yield from (f"  {line}" for line in goal.splitlines())
    if feedback.left_out:
        yield f"  … and {feedback.left_out} more goals"
