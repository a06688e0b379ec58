"""Constants that Lua and Python share: `scripts.py` puts them at the head of each script.

Some of these constants appear in stored state, so changing one may take two releases (CONTRIBUTING.md, "The form of
keys").
"""

from __future__ import annotations

from farm.models import DEFAULT_ENVIRONMENT
from farm.models.limits import MAX_BATCH_PROOFS
from farm.store.priority_classes import PriorityClass

FIRST_CANARY = MAX_BATCH_PROOFS
"""The index of a batch's first canary; the user's proofs have lower indices."""
QUESTION_CHARS, LAYOUT_CHARS = 64, 16
"""The lengths of the two parts of a fingerprint (`farm/fingerprint.py`): the question, and its exact text."""

LEASE_MS = 15_000
"""How long a process keeps its leased items if it gives no sign of life."""
LAPSE_BOUND = 10
"""An item that has been charged with this many lapses (`lua/reap.lua`) is condemned: it does not run again."""
ONE_OF_THEM = "*"
"""The value of a lease's `running` field while verdicts are written in groups.

It means that one of the lease's items is running, but it is not known which one. If the process dies then, no item is
charged with the death. Each of the items runs alone next time, so that a further death is charged to the right item.
"""
LANE_AGE_BOUND_MS = 60_000
"""A process prefers the lane whose header it has loaded, until another lane has waited for this long."""
WORKER_TTL_MS = 15_000
"""How long a process counts as alive after its last sign of life."""

LINGER_TTL_MS = 2_000
"""How long a lingering process counts as lingering after it said so (lingering.py)."""
RING_TTL_MS = 5_000
"""How long a ring for a lingering process is kept."""

QUERY_LEASE_MS = 5_000
"""How long a worker keeps a premise query if it gives no sign of life."""
TOKEN_TTL_MS = 5_000
"""How long a room needs no further token after one has been published for it."""
REPLY_TTL_S = 60
"""How long a reply is kept for the API process that waits for it."""

SHARED: dict[str, int | str | list[str]] = {
    "CLASSES": [each.value for each in PriorityClass],
    "DEFAULT_ENVIRONMENT": DEFAULT_ENVIRONMENT,
    "FIRST_CANARY": FIRST_CANARY,
    "QUESTION_CHARS": QUESTION_CHARS,
    "LAYOUT_CHARS": LAYOUT_CHARS,
    "LEASE_MS": LEASE_MS,
    "LAPSE_BOUND": LAPSE_BOUND,
    "ONE_OF_THEM": ONE_OF_THEM,
    "LANE_AGE_BOUND_MS": LANE_AGE_BOUND_MS,
    "WORKER_TTL_MS": WORKER_TTL_MS,
    "LINGER_TTL_MS": LINGER_TTL_MS,
    "RING_TTL_MS": RING_TTL_MS,
    "QUERY_LEASE_MS": QUERY_LEASE_MS,
    "TOKEN_TTL_MS": TOKEN_TTL_MS,
    "REPLY_TTL_S": REPLY_TTL_S,
}
"""These constants by name, as the scripts see them."""
