"""What Lua and Python must agree on: `scripts.py` puts it in front of each script.

Some of it shows in stored state, so a change may take two releases (CONTRIBUTING.md, "A key's form").
"""

from __future__ import annotations

from farm.models import DEFAULT_ENVIRONMENT
from farm.models.limits import MAX_BATCH_PROOFS
from farm.store.priority_classes import PriorityClass

FIRST_CANARY = MAX_BATCH_PROOFS
"""Items of a batch from this index on are canaries: no proof of a user's comes so far."""
QUESTION_CHARS, LAYOUT_CHARS = 64, 16
"""The parts of a fingerprint (`farm/fingerprint.py`): the question, and its exact text."""

LEASE_MS = 15_000
"""How long items are a process's without a sign of life."""
LAPSE_BOUND = 10
"""The lapse that condemns an item."""
LANE_AGE_BOUND_MS = 60_000
"""A lane that nobody has served for so long comes before the warm one."""
WORKER_TTL_MS = 15_000
"""How long a process counts as alive without a sign of life."""

QUERY_LEASE_MS = 5_000
"""How long a premise query is a worker's without a sign of life."""
TOKEN_TTL_MS = 5_000
"""How long a room counts as called."""
REPLY_TTL_S = 60
"""How long a reply waits for its API process."""

SHARED: dict[str, int | str | list[str]] = {
    "CLASSES": [each.value for each in PriorityClass],
    "DEFAULT_ENVIRONMENT": DEFAULT_ENVIRONMENT,
    "FIRST_CANARY": FIRST_CANARY,
    "QUESTION_CHARS": QUESTION_CHARS,
    "LAYOUT_CHARS": LAYOUT_CHARS,
    "LEASE_MS": LEASE_MS,
    "LAPSE_BOUND": LAPSE_BOUND,
    "LANE_AGE_BOUND_MS": LANE_AGE_BOUND_MS,
    "WORKER_TTL_MS": WORKER_TTL_MS,
    "QUERY_LEASE_MS": QUERY_LEASE_MS,
    "TOKEN_TTL_MS": TOKEN_TTL_MS,
    "REPLY_TTL_S": REPLY_TTL_S,
}
"""The same by name, as the scripts see them."""
