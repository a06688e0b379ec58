"""The REPL's own reply to a proof, for clients that were written for a server that passes it on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Infotree = Literal["full", "tactics", "original", "substantive"]


class ReportRequest(BaseModel):
    """The batch option `report`: what to say about each run besides the verdict.

    Attributes:
        infotree: how much of Lean's info trees the reply holds; None for nothing.
        is_fresh: whether each proof has a REPL process of its own.
        is_measured: whether the processor time and memory used are reported.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    infotree: Infotree | None = None
    is_fresh: bool = False
    is_measured: bool = False

    @property
    def is_shareable(self) -> bool:
        """Whether one run may answer several equal proofs; info trees hold the positions of one layout."""
        return not (self.infotree or self.is_fresh or self.is_measured)


class Report(BaseModel):
    """One run from the REPL's side.

    Attributes:
        reply: the REPL's reply, with every position in the user's own text; for a header that failed, its messages;
            None when there was no reply.
        in_header: whether the run ended in the header.
        repl: a name for the REPL process.
        cpu_percent: processor time of the REPL's process tree, as a percentage of the run's time; 100 is one core. None
            if not asked for.
        memory_bytes: resident memory of that tree after the run; None if not asked for.
    """

    model_config = ConfigDict(frozen=True)

    reply: dict[str, Any] | None = None
    in_header: bool = False
    repl: str = ""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
