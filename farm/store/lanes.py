"""Lanes: queues of proofs that can share one REPL environment."""

from __future__ import annotations

from hashlib import sha256

STRICT_DOMAIN = "strict"
"""The trust domain of all proofs that have to pass a gate. No API key has this name."""


def lane_name(environment: str, header: str, domain: str) -> str:
    """Return the name of the lane of a proof.

    While a process stays in one lane, it keeps the lane's header loaded. Before a process runs a proof of another trust
    domain, it must kill its REPL.

    Args:
        environment: the Lean environment that the proof asks for.
        header: the proof's exact header text.
        domain: the proof's trust domain: `strict`, or the name of the owner if the gate is off.
    """
    return f"{environment}:{sha256(header.encode()).hexdigest()[:20]}:{domain}"


def lane_domain(lane: str) -> str:
    """Return the trust domain of a lane."""
    return lane.split(":", 2)[2]
