"""The limits of one request. A request beyond a limit is answered with 422; api/bodies.py limits the size of bodies."""

from __future__ import annotations

MAX_CODE_CHARS = 1_000_000
"""The most characters of a proof, a statement or a goal's text."""
MAX_BATCH_PROOFS = 100_000
MAX_VERIFY_PROOFS = 1_000
"""The most proofs in a request that waits for its verdicts."""
MAX_TARGETS = 1_000
MAX_NAME_CHARS = 1_000
MAX_FIELDS = 64
"""The most fields of one object, unknown ones included; no model has as many."""
MAX_DEADLINE_S = 1e9
MAX_LABEL_CHARS = 200
MAX_TAGS = 16
MAX_TAG_CHARS = 64

MAX_GOALS = 256
MAX_CANDIDATES = 10_000
"""The most tactic sequences for all goals of one request together."""
MAX_TACTICS = 256
"""The most tactics in one sequence."""

MAX_REQUESTS = 1_000
"""The most LeanInteract requests in one session."""
MAX_LEAN_OPTIONS = 1_000
"""The most Lean options that one such request sets, and the most parts of an option's name or value."""

MAX_STATES = 64
"""The most goals in one request for premises."""
MAX_MODULES = 100_000
"""The most modules that an agent may name in one call."""
