"""The models of reports. A report holds the REPL's own reply, as other servers return it to their clients."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Infotree = Literal["full", "tactics", "original", "substantive"]


class ReportRequest(BaseModel):
    """The batch option `report`: what to report about each run besides the verdict.

    Attributes:
        infotree: how much of Lean's info trees the reply holds; None for nothing.
        is_fresh: whether each proof runs in a REPL process of its own.
        is_measured: whether to report the processor time and the memory that were used.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    infotree: Infotree | None = None
    is_fresh: bool = False
    is_measured: bool = False

    @property
    def is_shareable(self) -> bool:
        """Whether the run of one proof may answer equal proofs too.

        A proof that needs its own process or measurements also needs its own run. So does a proof whose reply has info
        trees, because the positions in info trees fit only one layout of the text.
        """
        return not (self.infotree or self.is_fresh or self.is_measured)


class Report(BaseModel):
    """The report of one run: the REPL's reply, and what the run used.

    Attributes:
        reply: the REPL's reply; all its positions refer to the user's own text. If the header failed, this holds
            the messages of the header. None when there was no reply.
        in_header: whether the run ended in the header.
        repl: a name for the REPL process.
        cpu_percent: processor time of the REPL's process tree, as a percentage of the run's time; 100 is one core. None
            if the request did not ask for it.
        memory_bytes: resident memory of that process tree after the run; None if the request did not ask for it.
    """

    model_config = ConfigDict(frozen=True)

    reply: dict[str, Any] | None = None
    in_header: bool = False
    repl: str = ""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
