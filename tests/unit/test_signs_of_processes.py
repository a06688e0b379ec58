"""Signs of life, and the probe that reads them: a process that is stuck is noticed, whatever the store does."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from kombu.asynchronous import Hub

from farm.signs_of_life import Sign, silences
from tests.conftest import require
from tests.support.running import await_true
from workers.parent import take_care

GIVES_SIGNS = """
import pathlib, sys, time
from farm.signs_of_life import Sign
sign = Sign(pathlib.Path(sys.argv[1]), "embed")
while True:
    sign.give()
    time.sleep(0.01)
"""
IMPATIENT = "import farm.signs_of_life; farm.signs_of_life.SILENCE_S = 0.5; farm.signs_of_life.main('embed')"


def probe(data_dir: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a probe against no store at all."""
    environment = {**os.environ, "DATA_DIR": str(data_dir), "REDIS_URL": "redis://127.0.0.1:1/0"}
    return subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_probe_fails_without_a_sign_and_where_one_has_stopped(tmp_path: Path) -> None:
    nobody = probe(tmp_path, "-m", "farm.signs_of_life", "embed")
    assert (nobody.returncode, nobody.stderr) == (1, "unhealthy: no process of `embed` has given a sign of life\n")

    with subprocess.Popen([sys.executable, "-c", GIVES_SIGNS, str(tmp_path)]) as process:
        await_true(lambda: process.pid in silences(tmp_path, "embed"), "a sign of life")
        assert probe(tmp_path, "-m", "farm.signs_of_life", "embed").returncode == 0
        assert probe(tmp_path, "-m", "farm.signs_of_life", "premises").returncode == 1

        os.kill(process.pid, signal.SIGSTOP)
        await_true(lambda: silences(tmp_path, "embed")[process.pid] > 0.5, "silence")
        frozen = probe(tmp_path, "-c", IMPATIENT)
        process.kill()

    assert (frozen.returncode, f"process {process.pid} of `embed`" in frozen.stderr) == (1, True)
    assert probe(tmp_path, "-m", "farm.signs_of_life", "embed").returncode == 1, "the dead give no sign"


@pytest.mark.system
def test_processes_of_two_containers_may_share_a_folder(tmp_path: Path) -> None:
    require(os.geteuid() == 0 and shutil.which("unshare"), "root and unshare")
    contained = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", GIVES_SIGNS]
    with subprocess.Popen([*contained, str(tmp_path)]) as process:
        try:
            await_true(lambda: list(tmp_path.glob("alive/*")), "a sign of life in the container")
            [theirs] = tmp_path.glob("alive/*")
            dead = theirs.with_name("embed@1.1")
            dead.write_text("1.0")
            os.utime(dead, (0, 0))

            Sign(tmp_path, "embed").give()
            assert theirs.exists(), "the container's probe still finds it"
            assert not dead.exists()
        finally:
            process.kill()


def test_who_has_no_folder_goes_on_without_signs(tmp_path: Path) -> None:
    (tmp_path / "alive").write_text("no folder")

    Sign(tmp_path, "embed").give()

    assert not silences(tmp_path, "embed")


def test_systemd_is_told_by_the_process_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        Sign(tmp_path, "reaper").give()
        Sign(tmp_path, "reaper", is_main=True).give()

        assert [systemd.recv(100) for _ in range(2)] == [b"WATCHDOG_USEC=60000000", b"WATCHDOG=1"]


def test_a_first_process_gives_a_sign_before_each_timer(tmp_path: Path) -> None:
    """If the broker takes connections and does not answer, several timers wait for it, one after the other."""
    hub: Any = Hub()  # type: ignore[no-untyped-call]  # kombu has no types
    app, heard = Celery(), list[float]()
    take_care(app, tmp_path, "embed")
    [care] = app.steps["worker"]
    worker = SimpleNamespace()
    care(worker).register_with_event_loop(worker, hub)
    [file] = (tmp_path / "alive").iterdir()

    def wait_for_long() -> None:
        heard.append(silences(tmp_path, "embed")[os.getpid()])
        file.write_text(f"{time.monotonic() - 1000:024.3f}")

    for _ in range(3):
        hub.timer.call_after(0, wait_for_long)
    hub.fire_timers()

    assert len(heard) == 3
    assert max(heard) < 500
