"""The classes that batches wait in: a batch of one class runs only while no proof of an earlier class waits.

Within a class, owners take turns; within an owner's batches, each step of `priority` doubles a batch's share.
"""

from __future__ import annotations

from enum import StrEnum


class PriorityClass(StrEnum):
    """The classes in the order in which they are served; their names are part of keys (keys.md)."""

    INTERACTIVE = "interactive"
    """A client is waiting for the answer; where there are four or more processes, one serves only this class."""
    BATCH = "batch"
