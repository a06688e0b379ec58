"""Constants that Lua and Python share: `scripts.py` puts them at the head of each script.

Some of them appear in stored state, so a change may take two releases (CONTRIBUTING.md, "The form of keys").
"""

from __future__ import annotations

from farm.models import DEFAULT_ENVIRONMENT
from farm.models.limits import MAX_BATCH_PROOFS
from farm.store.priority_classes import PriorityClass

FIRST_CANARY = MAX_BATCH_PROOFS
"""The index of a batch's first canary; the user's proofs have lower indices."""
QUESTION_CHARS, LAYOUT_CHARS = 64, 16
"""The parts of a fingerprint (`farm/fingerprint.py`): the question, and its exact text."""

LEASE_MS = 15_000
"""How long a process keeps its items without a sign of life."""
LAPSE_BOUND = 10
"""How many lapses of its lease condemn an item."""
ONE_OF_THEM = "*"
"""What a lease names as running while verdicts are written in groups: one of its items, but it is not known which one.
If the process then dies, no item is charged. Each runs alone next, so that a further death is charged to the right one.
"""
LANE_AGE_BOUND_MS = 60_000
"""A lane that no process has served for this long comes before the lane whose header a process has loaded."""
WORKER_TTL_MS = 15_000
"""How long a process counts as alive without a sign of life."""

QUERY_LEASE_MS = 5_000
"""How long a worker keeps a premise query without a sign of life."""
TOKEN_TTL_MS = 5_000
"""How long after a token a room needs no further token."""
REPLY_TTL_S = 60
"""How long a reply is kept for its API process."""

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
    "QUERY_LEASE_MS": QUERY_LEASE_MS,
    "TOKEN_TTL_MS": TOKEN_TTL_MS,
    "REPLY_TTL_S": REPLY_TTL_S,
}
"""These constants by name, as the scripts see them."""
