"""`farm up` from its first second to its last: what it prints at the start, what it leaves behind, who may look."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis

from farm import Outcome
from farm.local.ports import free_port
from farm.processes import own_module
from tests.conftest import lean_settings
from tests.support.repl.install import Install
from tests.support.running import (
    RunningFarm,
    await_true,
    end_everything,
    processes_of,
    running_farm,
    start_farm,
    started_settings,
)

TRUE = "theorem two : 1 + 1 = 2 := by rfl"


@contextmanager
def starting(folder: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start `farm up` as nohup does, without a terminal, and do not wait for it."""
    folder.mkdir()
    with (folder / "up.log").open("wb") as log:
        up = subprocess.Popen(
            own_module("farm", "up"),
            env=started_settings(folder, **settings),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield up
        finally:
            up.kill()
            up.wait()
            end_everything(folder)


def said(folder: Path) -> str:
    return (folder / "up.log").read_text()


def left(folder: Path) -> list[list[str]]:
    return [process.cmdline() for process in processes_of(folder)]


def test_what_is_not_ready_is_said_without_a_terminal(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    with starting(folder, **lean_settings(scripted), DATA_REPO="/nonexistent") as up:
        await_true(lambda: "/nonexistent" in said(folder), "it says what it waits for, and why")
        assert "not ready yet" in said(folder)
        assert "premises: " in said(folder)

        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 0
        assert left(folder) == []


def test_the_last_words_of_what_does_not_start_are_printed_whole(tmp_path: Path, scripted: Install) -> None:
    folder, long = tmp_path / "own", f"/nonexistent/{'x' * 200}.py"
    with starting(folder, **lean_settings(scripted), FLOWER_CONF=long) as up:
        assert up.wait(60) == 1

        assert "flower does not start: it ended with 1; its last messages:" in said(folder)
        assert long in said(folder)
        assert left(folder) == []


def test_what_ended_is_said_while_the_farm_is_not_ready(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    with starting(folder, **lean_settings(scripted), DATA_REPO="/nonexistent"):
        await_true(lambda: "started reaper" in said(folder), "it starts")
        [embed] = [process for process in processes_of(folder) if process.cmdline()[-1:] == ["workers.embed"]][:1]
        embed.kill()

        await_true(lambda: "embed ended with -9; it logged nothing" in said(folder), "it says what ended")


class _Stranger(BaseHTTPRequestHandler):
    """Answers as another farm would that has taken the port."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def has_store(folder: Path) -> bool:
    return "started valkey" in said(folder)


@contextmanager
def stranger(port: int) -> Iterator[bool]:
    """Serve a port; the value is False if another server has it."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), _Stranger)
    except OSError:
        yield False
        return
    with server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield True
        server.shutdown()


def test_another_server_at_its_port_is_not_taken_for_its_api(tmp_path: Path, scripted: Install) -> None:
    """The port is free when `farm up` looks, and taken when its API binds it."""
    for number in range(5):
        folder, port = tmp_path / str(number), free_port()
        with starting(folder, **lean_settings(scripted), PORT=str(port)) as up:
            await_true(partial(has_store, folder), "its port was free")
            with stranger(port) as is_first:
                if is_first:
                    assert up.wait(110) == 1
                    assert "api does not start" in said(folder)
                    assert left(folder) == []
                    return
    pytest.fail("its API was first every time")


def test_it_can_be_stopped_while_it_starts(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    with starting(folder, **lean_settings(scripted)) as up:
        await_true(lambda: "started valkey" in said(folder), "it starts")

        up.send_signal(signal.SIGINT)

        assert up.wait(30) == 0
        assert "ready" not in said(folder)
        assert left(folder) == []


def test_the_second_interrupt_ends_everything_at_once(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    farm = start_farm(folder, **lean_settings(scripted))
    try:
        [reaper] = [process for process in farm.processes() if process.cmdline()[-1] == "workers.reaper"]
        reaper.suspend()  # it does not heed the first one, and its grace is 10 s
        farm.up.send_signal(signal.SIGINT)
        await_true(lambda: "stopping" in said(folder), "it stops")
        assert farm.up.poll() is None

        farm.up.send_signal(signal.SIGINT)

        assert farm.up.wait(30) == 128 + signal.SIGINT
        assert left(folder) == []
    finally:
        end_everything(folder)


def test_a_kill_leaves_nothing_in_the_temporary_folder(tmp_path: Path, scripted: Install) -> None:
    folder, temporary = tmp_path / "own", tmp_path / "tmp"
    temporary.mkdir()
    settings = {**lean_settings(scripted), "TMPDIR": str(temporary)}
    killed = start_farm(folder, **settings)
    try:
        with killed.client() as client:
            assert client.verify(TRUE)[0].outcome is Outcome.ACCEPTED
        killed.up.kill()
        killed.up.wait()
        await_true(lambda: not left(folder), "its processes end with it")
    finally:
        end_everything(folder)
    assert list(temporary.iterdir()) == []
    of_killed = set((folder / "data" / "leanfarm-tmp").iterdir())

    with running_farm(folder, **settings):
        assert not of_killed & set((folder / "data" / "leanfarm-tmp").iterdir())


@pytest.fixture
def used(farm: RunningFarm) -> RunningFarm:
    """The shared farm, after it has worked."""
    with farm.client() as client:
        assert client.verify(TRUE)[0].outcome is Outcome.ACCEPTED
        assert client.retrieve("⊢ True", k=1)
    return farm


def test_the_data_folder_is_its_owners_alone(used: RunningFarm) -> None:
    data = used.folder / "data"

    assert data.stat().st_mode & 0o077 == 0
    # The scratch folders of proofs are open to the user ids of REPLs; they are behind the folder above.
    kept = [path for path in data.rglob("*") if path.is_file() and "scratch" not in path.parts]
    assert {"runtime.json", "valkey.conf", "api.log", "flower-login"} <= {path.name for path in kept}
    assert [str(path) for path in kept if path.stat().st_mode & 0o077] == []


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory, scripted: Install) -> Iterator[Path]:
    """The folder of a farm that was started a second time, on a data folder open to others, as earlier ones were."""
    folder = tmp_path_factory.mktemp("restarted")
    with running_farm(folder, **lean_settings(scripted)):
        await_true(lambda: len(logins(folder)) == 1, "Flower's login")
    for path in once_open(folder):
        path.chmod(0o755)
    with running_farm(folder, **lean_settings(scripted)):
        yield folder


def once_open(folder: Path) -> list[Path]:
    data = folder / "data"
    return [data, data / "logs", data / "logs" / "api.log", data / "valkey"]


def logins(folder: Path) -> list[str]:
    """Return Flower's login as each start printed it."""
    return re.findall(r"login (\S+)\)", said(folder))


def test_a_folder_of_an_earlier_release_is_closed(restarted: Path) -> None:
    assert [path for path in once_open(restarted) if path.stat().st_mode & 0o077] == []


def test_flower_keeps_its_login_over_a_restart(restarted: Path) -> None:
    await_true(lambda: len(logins(restarted)) == 2, "Flower's login")
    first, second = logins(restarted)

    assert first == second
    assert re.fullmatch(r"farm:\S{16,}", first)


def test_a_folder_that_holds_other_things_keeps_them_and_its_mode(tmp_path: Path, scripted: Install) -> None:
    folder = tmp_path / "own"
    for name in ("mine", "tmp"):
        (folder / "data" / name).mkdir(parents=True)
        (folder / "data" / name / "file").touch()
    (folder / "data").chmod(0o755)

    with running_farm(folder, **lean_settings(scripted)):
        assert (folder / "data").stat().st_mode & 0o777 == 0o755
        assert (folder / "data" / "valkey").stat().st_mode & 0o077 == 0
        assert (folder / "data" / "logs").stat().st_mode & 0o077 == 0
        assert (folder / "data" / "mine" / "file").exists()
        assert (folder / "data" / "tmp" / "file").exists()


def test_the_store_answers_nobody_without_its_password(used: RunningFarm) -> None:
    port = urlsplit(used.redis_url).port
    assert port
    with redis.Redis(port=port, protocol=2) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.keys("*")

    shown = [" ".join(process.cmdline()) for process in used.processes()]
    password = urlsplit(used.redis_url).password
    assert password
    assert not [line for line in shown if password in line], "every user of the host sees command lines"
