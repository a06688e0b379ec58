"""Workers in a container beside a reaper on its host: process ids there mean other processes here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from farm.celery_app import Tokens, celery_app
from farm.processes import end_orphans
from farm.settings import Settings
from farm.store.leases import Leases
from tests.conftest import require
from tests.support.open_store import OpenStore
from tests.support.store import put, take
from workers.reaper import Reaper

pytestmark = pytest.mark.system

# A worker, and a process that its REPL would have started.
_WORKER = """
import os, subprocess
from farm.processes import OWNER_VARIABLE, process_identity
from workers.heartbeat import worker_id
marked = {**os.environ, OWNER_VARIABLE: process_identity(os.getpid())}
with subprocess.Popen(["sleep", "600"], env=marked) as repl:
    print(worker_id(), flush=True)
"""


@pytest.fixture
def contained() -> Iterator[tuple[str, psutil.Process]]:
    """A worker with process ids of its own and this host's name, as after `docker run --network host`."""
    require(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", _WORKER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            name = process.stdout.readline().strip()
            [worker] = psutil.Process(process.pid).children()
            yield name, worker
        finally:
            process.kill()


def test_its_proofs_and_processes_are_left_alone(
    valkey_url: str, client: OpenStore, leases: Leases, contained: tuple[str, psutil.Process]
) -> None:
    name, worker = contained
    batch = put(valkey_url, 1)
    take(leases, worker=name)
    Reaper(client, leases, [], Tokens(celery_app(Settings(redis_url=valkey_url, _env_file=None))), 100).pass_over()

    assert client.zcard("farm:leases") == 1, "its lease still holds"
    assert not client.hexists(f"farm:batch:{batch}:history", "death:0")
    end_orphans()
    assert [child.name() for child in worker.children()] == ["sleep"]
