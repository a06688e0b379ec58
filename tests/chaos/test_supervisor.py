"""`farm up` killed, and what must not happen between it and the next one."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import psutil
import pytest

from tests.chaos.victim import Victim, victim
from tests.support.repl.install import Install
from tests.support.running import await_true, processes_of

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]


def test_two_stores_never_write_the_same_files(tmp_path: Path, scripted: Install) -> None:
    with victim(tmp_path, scripted, small_disk=False) as ill:
        with ill.client() as client:
            batch_id = client.submit("theorem two : 1 + 1 = 2 := by rfl").id
            client.batch(batch_id).wait()
        first = ill.valkey()
        first.suspend()
        ill.farm.up.kill()
        ill.farm.up.wait()

        again = threading.Thread(target=ill.up_again)
        again.start()
        await_true(lambda: "waiting for the Valkey" in (tmp_path / "up.log").read_text(), "the next one waits")
        assert stores(ill) == [first]
        first.resume()
        again.join(60)

        assert first not in stores(ill)
        with ill.client() as client:
            assert client.batch(batch_id).status().done == 1


def test_a_store_that_hangs_does_not_hang_the_supervisor(tmp_path: Path, scripted: Install) -> None:
    with victim(tmp_path, scripted, small_disk=False) as ill:
        store, api = ill.valkey(), ill.service("-m", "api")
        store.suspend()
        # Long enough for the supervisor to have asked after the store.
        with pytest.raises(psutil.TimeoutExpired):
            store.wait(7)

        api.kill()

        await_true(lambda: "-m api" in commands(ill), "the API is started again", timeout_s=15)
        store.resume()


def commands(ill: Victim) -> list[str]:
    """Return how the commands of the services end; a process that ends meanwhile is left out."""
    found = []
    for process in ill.services():
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(" ".join(process.cmdline()[-2:]))
    return found


def stores(ill: Victim) -> list[psutil.Process]:
    return [process for process in processes_of(ill.folder) if process.name() == "valkey-server"]
