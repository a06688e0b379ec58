"""The line that Flower shows for one Celery task: how many proofs it ran, of which batches and with which headers."""

from __future__ import annotations

from dataclasses import dataclass, field

from farm.header import imported
from farm.models import Proof
from farm.prepared_proof import header_of
from farm.store.claims import Claim

# Celery shows a task's result up to 1024 characters.
_MOST_SHOWN = 8
_HEADER_CHARS = 60


@dataclass(slots=True)
class TokenSummary:
    """Counts verdicts by batch and header; `str` returns a line about them, which quotes no proof."""

    chunks: int = 0
    written: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, claim: Claim, written: int) -> None:
        """Count a chunk and the verdicts that it gave."""
        # Proofs for which a client waits form a batch whose id nobody knows. One token may serve hundreds of them.
        place = "" if claim.is_interactive else claim.batch, _header(claim)
        self.chunks += 1
        self.written[place] = self.written.get(place, 0) + written

    def __str__(self) -> str:
        total = f"{sum(self.written.values())} proofs in {self.chunks} chunks"
        named = {place: f"of batch {place[0]}" if place[0] else "interactive" for place in self.written}
        parts = [f"{count} {named[place]} ({place[1]})" for place, count in self.written.items()]
        if len(parts) > _MOST_SHOWN:
            parts[_MOST_SHOWN:] = [f"{len(parts) - _MOST_SHOWN} more"]
        return f"{total}: {', '.join(parts)}" if parts else total


def _header(claim: Claim) -> str:
    """Return only the imports of a claim's header: comments in the header may quote a proof."""
    task = claim.items[0].task if claim.items else None
    if not isinstance(task, Proof):
        return "no proof"
    return "; ".join(sorted(imported(header_of(task))))[:_HEADER_CHARS] or "no imports"
