"""The reply to a client that waits for one proof brings its verdict; other replies only say that all is done."""

from __future__ import annotations

import secrets

import pytest

from farm.models import Message, Reason, verdict
from farm.store.codec import unpack
from farm.store.leases import Leases
from tests.support.open_store import OpenStore
from tests.support.store import put, take

REPLIES = "farm:reply:api"


def reply_to(client: OpenStore, leases: Leases, url: str, proofs: int, text: str) -> tuple[str, bytes]:
    """Submit proofs for a client that waits, write a verdict with this text on each, and return batch and reply."""
    batch = put(url, proofs, reply=REPLIES)
    said = [Message(severity="error", data=text)]
    while client.llen(REPLIES) == 0:
        claim = take(leases, "w")
        found = [verdict(item.id, item.index, reason=Reason.ERROR, messages=said) for item in claim.items]
        leases.finish(claim.lease, claim.batch, found, then=None, seconds=0.1)
    [reply] = client.lrange(REPLIES, 0, -1)
    return batch, reply


def test_one_proof_is_answered_with_its_verdict(client: OpenStore, leases: Leases, valkey_url: str) -> None:
    batch, reply = reply_to(client, leases, valkey_url, 1, "type mismatch: a : b")

    head = f"batch:{batch}:".encode()
    assert reply.startswith(head)
    [message] = unpack(reply.removeprefix(head))["messages"]
    assert message["data"] == "type mismatch: a : b"


@pytest.mark.parametrize(("proofs", "size"), [(2, 1), (1, 100_000)])
def test_several_proofs_or_a_large_verdict_are_left_in_the_store(
    client: OpenStore, leases: Leases, valkey_url: str, proofs: int, size: int
) -> None:
    batch, reply = reply_to(client, leases, valkey_url, proofs, secrets.token_hex(size))

    assert reply == f"batch:{batch}".encode()
