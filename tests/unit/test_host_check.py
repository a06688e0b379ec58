"""Whether a host may join, before any of its workers runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from farm.errors import ConfigurationError, SchemaMismatch
from farm.local.host_check import check_store
from farm.local.ports import free_port
from tests.support.open_store import open_store


def test_a_release_far_from_the_farms_does_not_join(valkey_url: str) -> None:
    store = open_store(valkey_url)
    store.set("farm:schema", 99)
    try:
        with pytest.raises(SchemaMismatch, match="install a later release here"):
            check_store(valkey_url)
    finally:
        store.delete("farm:schema")


def test_a_store_behind_a_firewall_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(ConfigurationError, match=f"at 127.0.0.1:{port} does not answer this host") as refused:
        check_store(f"redis://:secret@127.0.0.1:{port}/0")

    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["head:8000"], 1, "must read like http://127.0.0.1:8000"),
        (["ftp://head"], 1, "must read like http://127.0.0.1:8000"),
        (["http://127.0.0.1:1"], 1, "No farm answers at http://127.0.0.1:1"),
        (["http://head:8000", "--lean-workers", "-1"], 1, "LEAN_WORKERS"),
        (["http://head:8000", "--wait", "-1"], 2, "--wait"),
    ],
)
def test_a_wrong_call_is_told_without_a_traceback(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    command = [sys.executable, "-m", "farm", "join", *arguments]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    assert run.returncode == code
    assert told in run.stderr
    assert "Traceback" not in run.stderr
