"""The scripts of the containers, run for real outside any: first start, entry point, health check, Lean's project."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from farm.local.ports import free_port
from farm.local.valkey import prepare_valkey
from farm.models import Outcome, WorkerKind
from farm.store.connection import check_server
from farm.store.registry import Registry
from tests.conftest import lean_settings
from tests.support.deployment import (
    DEPLOY,
    ROOT,
    SECRET_FILES,
    SERVICES,
    mode,
)
from tests.support.open_store import open_store
from tests.support.repl.install import Install
from tests.support.running import await_true, running_farm


def script(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of deploy/ with a bare environment; `python` and `farm` are those of this environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = [str(DEPLOY / name), *map(str, arguments)]
    shell = (DEPLOY / name).read_text().splitlines()[0].removeprefix("#!")
    return subprocess.run(
        [shell, *command], env={"PATH": path, **environment}, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of secrets after a first start, as /run/farm is in the containers."""
    for name in ("api-keys", "redis", "flower"):
        (tmp_path / name).mkdir()
    run = script("first-start.sh", tmp_path)
    assert run.returncode == 0, run.stderr
    (tmp_path / "said").write_text(run.stdout)
    return tmp_path


def test_first_start_makes_each_secret_once(home: Path) -> None:
    said = (home / "said").read_text()
    key = re.search(r"^API key .*: (lf_\S+)$", said, re.MULTILINE)
    login = (home / "flower" / "login").read_text().strip()
    password = re.fullmatch(r"redis://farm:(\S{40,})@redis:6379/0\n", (home / "redis" / "url").read_text())

    assert key
    assert password
    assert hashlib.sha256(key[1].encode()).hexdigest() in (home / "api-keys" / "keys").read_text()
    assert key[1] not in (home / "api-keys" / "keys").read_text()
    assert re.fullmatch(r"farm:\S{40,}", login)
    assert login in said
    assert password[1] not in said
    assert [mode(home / name) for name in ("redis/url", "flower/login", "api-keys/keys")] == [0o400, 0o400, 0o600]
    # The server runs as another user.
    assert (mode(home / "redis"), mode(home / "redis" / "users.acl")) == (0o755, 0o444)

    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = script("first-start.sh", home)
    assert (again.returncode, again.stdout) == (0, "")
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_first_start_needs_only_farm_and_python3(tmp_path: Path) -> None:
    """Where Kubernetes' secrets are made, as on macOS or Debian, there may be no `python` and no `sha256sum`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("cat", "chmod", "mv", "rm"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name, module in (("python3", ""), ("farm", "-m farm")):
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        (programs / name).chmod(0o755)
    for name in ("api-keys", "redis", "flower"):
        (tmp_path / name).mkdir()

    run = subprocess.run(
        ["/bin/sh", str(DEPLOY / "first-start.sh"), str(tmp_path)],
        env={"PATH": str(programs), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, run.stderr) == (0, "")
    password = (tmp_path / "redis" / "url").read_text().split(":")[2].partition("@")[0]
    digest = hashlib.sha256(password.encode()).hexdigest()
    assert f"user farm on #{digest} ~*" in (tmp_path / "redis" / "users.acl").read_text()


def test_first_start_makes_anew_what_is_missing_alone(home: Path) -> None:
    login, url = (home / "flower" / "login").read_text(), (home / "redis" / "url").read_text()
    (home / "redis" / "users.acl").unlink()

    assert script("first-start.sh", home).returncode == 0
    assert (home / "flower" / "login").read_text() == login
    assert (home / "redis" / "url").read_text() != url


def test_first_start_fails_where_a_key_cannot_be_made(tmp_path: Path) -> None:
    for name in ("api-keys", "redis", "flower"):
        (tmp_path / name).mkdir()
    (tmp_path / "api-keys" / "keys").write_text("not a pair\n")

    assert script("first-start.sh", tmp_path).returncode != 0


def test_the_entry_point_hands_secrets_on(home: Path) -> None:
    files = {"REDIS_URL_FILE": f"{home}/redis/url", "FLOWER_LOGIN_FILE": f"{home}/flower/login"}
    code = "import json, os, sys; print(json.dumps(dict(os.environ)))"

    run = script("entrypoint.sh", sys.executable, "-c", code, **files)
    seen = json.loads(run.stdout)

    assert seen["REDIS_URL"] == (home / "redis" / "url").read_text().strip()
    assert seen["FLOWER_BASIC_AUTH"] == (home / "flower" / "login").read_text().strip()


@pytest.mark.parametrize("name", sorted(SECRET_FILES))
@pytest.mark.parametrize("content", [None, ""])
def test_the_entry_point_does_not_start_without_its_secret(name: str, content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)

    run = script("entrypoint.sh", "/bin/echo", "started", **{name: str(tmp_path / "secret")})

    assert run.returncode != 0
    assert "started" not in run.stdout


@contextmanager
def compose_redis(home: Path) -> Iterator[tuple[str, int]]:
    """The server with Compose's options and the users of first start; yields the farm's URL and the port."""
    binary = prepare_valkey(home / "binary").command[0]
    port, data = free_port(), home / "data"
    data.mkdir()
    options = [option.replace("/run/farm", str(home)) for option in SERVICES["redis"]["command"][1:]]
    command = [binary, *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(data)]
    url = (home / "redis" / "url").read_text().strip().replace("@redis:6379", f"@127.0.0.1:{port}")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            await_true(lambda: _answers(port, "PING").startswith("+PONG"), "Valkey")
            yield url, port
        finally:
            server.terminate()
            server.wait(10)


def _answers(port: int, command: str) -> str:
    """Return what the server says to somebody without a password."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(4096).decode()
    except ConnectionRefusedError:
        return ""


def test_without_a_password_redis_says_that_it_lives_and_nothing_else(home: Path) -> None:
    assert SERVICES["redis"]["healthcheck"]["test"] == ["CMD-SHELL", "valkey-cli ping | grep -q PONG"]

    with compose_redis(home) as (_, port):
        for command in ("GET farm:workers", "INFO", "KEYS *", "CONFIG GET *", "EVAL 1 0", "SUBSCRIBE x"):
            assert _answers(port, command).startswith("-NOPERM"), command


def test_the_farm_works_with_the_rights_that_first_start_gives_it(home: Path, scripted: Install) -> None:
    with compose_redis(home) as (url, _):
        redis = open_store(url)
        for forbidden in ("FLUSHALL", "CONFIG GET *", "SHUTDOWN", "ACL LIST", "KEYS *"):
            with pytest.raises(Exception, match="no permissions"):
                redis.execute_command(*forbidden.split())
        assert check_server(redis).startswith("valkey")
        refused = redis.info("stats")["acl_access_denied_cmd"]

        with running_farm(home / "farm", REDIS_URL=url, **lean_settings(scripted)) as farm, farm.client() as client:
            verdicts = client.verify(["theorem a : 1 + 1 = 2 := rfl", "theorem a : 1 + 1 = 3 := rfl"])

        assert [verdict.outcome for verdict in verdicts] == [Outcome.ACCEPTED, Outcome.REJECTED]
        # Nothing the farm did was refused, not even where it would have shrugged it off.
        assert redis.info("stats")["acl_access_denied_cmd"] == refused


def health(what: str, redis_url: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "REDIS_URL": redis_url, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(DEPLOY / "health.py"), what]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_health_is_what_it_claims(home: Path) -> None:
    with compose_redis(home) as (url, port):
        assert health("store", url).returncode == 0
        nobody = health("worker", url)
        assert (nobody.returncode, "sign of life" in nobody.stderr) == (1, True)

        registry = Registry(open_store(url), WorkerKind.EMBED, "elsewhere:1")
        registry.beat(host="elsewhere", pid=1)
        assert health("worker", url).returncode == 1
        Registry(open_store(url), WorkerKind.EMBED, "here:1").beat(host=socket.gethostname(), pid=1)
        assert health("worker", url).returncode == 0

        assert health(f"http://127.0.0.1:{port}/livez").returncode == 1
    assert health("store", url).returncode == 1


@pytest.fixture
def fake_lake(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs lean-project.sh in an empty folder with a `lake` that writes down what it is asked for."""
    project, tools = tmp_path / "project", tmp_path / "tools"
    project.mkdir()
    tools.mkdir()
    lake = tools / "lake"
    lake.write_text(
        "#!/bin/sh\n"
        f'echo "$*" >> {tmp_path}/asked\n'
        'case "$1" in\n'
        f"update) mkdir -p .lake/packages/mathlib/.git && cp {tmp_path}/mathlib-toolchain "
        ".lake/packages/mathlib/lean-toolchain ;;\n"
        "env) shift\n"
        '    LEAN_PATH="/a b:$PWD" LEAN_SYSROOT=/sysroot LEAN_VERSION=other exec "$@" ;;\n'
        "esac\n"
    )
    lake.chmod(0o755)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["/bin/bash", str(DEPLOY / "lean-project.sh"), *arguments, str(tmp_path / "environment")]
        path = f"{tools}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            command, cwd=project, env={"PATH": path}, capture_output=True, text=True, check=False, timeout=60
        )

    return run


FakeLake = Callable[..., subprocess.CompletedProcess[str]]


def test_a_lean_project_without_mathlib_requires_nothing(fake_lake: FakeLake, tmp_path: Path) -> None:
    run = fake_lake("v4.32.0", "")

    assert run.returncode == 0, run.stderr
    assert (tmp_path / "project" / "lean-toolchain").read_text() == "leanprover/lean4:v4.32.0\n"
    assert tomllib.loads((tmp_path / "project" / "lakefile.toml").read_text()) == {"name": "proofs"}
    assert (tmp_path / "asked").read_text().splitlines() == ["env sh -c export -p"]


def test_a_lean_project_takes_mathlib_of_its_own_lean_alone(fake_lake: FakeLake, tmp_path: Path) -> None:
    (tmp_path / "mathlib-toolchain").write_text("leanprover/lean4:v4.32.0\n")
    run = fake_lake("v4.32.0", "v4.32.0-patch1")

    assert run.returncode == 0, run.stderr
    (required,) = tomllib.loads((tmp_path / "project" / "lakefile.toml").read_text())["require"]
    assert (required["name"], required["rev"]) == ("mathlib", "v4.32.0-patch1")
    assert (tmp_path / "asked").read_text().splitlines() == ["update", "exe cache get", "env sh -c export -p"]
    assert not (tmp_path / "project" / ".lake" / "packages" / "mathlib" / ".git").exists()

    (tmp_path / "mathlib-toolchain").write_text("leanprover/lean4:v4.31.0\n")
    run = fake_lake("v4.32.0", "v4.31.0")
    assert run.returncode != 0
    assert "is for leanprover/lean4:v4.31.0" in run.stderr


def test_the_recorded_environment_stands_in_for_lake(fake_lake: FakeLake, tmp_path: Path) -> None:
    assert fake_lake("v4.32.0", "").returncode == 0
    shim = tmp_path / "shim"
    shim.write_text((DEPLOY / "lake.sh").read_text().replace("/opt/lean/environment", str(tmp_path / "environment")))

    command = ["/bin/sh", str(shim), "env", "/usr/bin/env"]
    run = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True)

    seen = dict(line.split("=", 1) for line in run.stdout.splitlines())
    assert seen["LEAN_PATH"] == f"/a b:{tmp_path / 'project'}"
    assert seen["LEAN_SYSROOT"] == "/sysroot"
    assert "LEAN_VERSION" not in seen, "a build argument is no setting of the farm"
