"""Lanes: queues of proofs that can share one REPL environment."""

from __future__ import annotations

from hashlib import sha256

STRICT_DOMAIN = "strict"
"""The trust domain of all gated texts. No key has this name."""


def lane_name(environment: str, header: str, domain: str) -> str:
    """Return the lane of a proof.

    A process that stays in a lane keeps its header loaded; a process that leaves a trust domain must kill its REPL.

    Args:
        environment: the Lean environment that the proof asks for.
        header: the proof's exact header text.
        domain: the proof's trust domain: `strict`, or the owner of the key if the gate is off.
    """
    return f"{environment}:{sha256(header.encode()).hexdigest()[:20]}:{domain}"


def lane_domain(lane: str) -> str:
    """Return the trust domain of a lane."""
    return lane.split(":", 2)[2]
