"""The classes in which batches wait. A process takes a proof of one class only if no proof of an earlier class waits.

Within a class, owners take turns. Among the batches of one owner, each step of `priority` doubles a batch's share.
"""

from __future__ import annotations

from enum import StrEnum


class PriorityClass(StrEnum):
    """The classes in the order in which they are served; their names are part of keys (keys.md)."""

    INTERACTIVE = "interactive"
    """A client is waiting for the answer. If there are four or more processes, one of them serves only this class."""
    BATCH = "batch"
