"""The files of further environments, and how several of them share one host."""

from __future__ import annotations

from pathlib import Path

import pytest

from farm.environments import environment_files, load_environment
from farm.errors import ConfigurationError
from farm.local.lean_rooms import lean_rooms, share_processes
from farm.settings import Settings, load


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` but the tests' own."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def write(name: str, *lines: str) -> Path:
    folder = Path("environments")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("".join(f"{line}\n" for line in lines))
    return folder / name


def test_a_file_is_an_environment_of_its_name() -> None:
    file = write("mathlib4.env", "# Mathlib", "export LEAN_VERSION=v4.9.0", "LEAN_WORKERS='3'", "SANDBOX_PROGRAMS=")
    settings = load_environment(file)

    assert (settings.lean_environment, settings.lean_version, settings.lean_workers) == ("mathlib4", "v4.9.0", 3)


def test_which_lean_it_is_is_never_taken_over_and_all_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("LEAN_PROJECT_DIR=/mathlib\nWARM_HEADERS=import Mathlib\nLAKE_PATH=/opt/lake\n")
    monkeypatch.setenv("LEAN_REPL_DIR", "/repl")
    monkeypatch.setenv("LEAN_VERSION", "v4.32.0")
    monkeypatch.setenv("SANDBOX", "bubblewrap")

    settings = load_environment(write("plain.env", "LEAN_PROJECT_DIR="))

    assert (settings.lean_project_dir, settings.lean_repl_dir) == (None, None)
    assert (settings.lean_version, settings.warm_headers) == ("", "")
    assert (settings.lake_path, settings.sandbox) == ("/opt/lake", "bubblewrap")


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("a.env", "REDIS_URL=redis://hush", "REDIS_URL cannot"),
        ("a.env", "LEAN_WORKER=2", "LEAN_WORKER cannot"),
        ("a.env", "lean_workers=2", "lean_workers cannot"),
        ("a.env", "LEAN_MAX_DEATHS=2", "LEAN_MAX_DEATHS cannot"),
        ("a.env", "LEAN_WORKERS=many", "LEAN_WORKERS: .*many"),
        ("a.env", "LEAN_WORKERS 2", "line 1: NAME=VALUE"),
        ("a b.env", "LEAN_WORKERS=2", "LEAN_ENVIRONMENT: "),
    ],
)
def test_what_may_not_stand_in_a_file_is_named(name: str, line: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told) as refusal:
        load_environment(write(name, line))

    assert name in refusal.value.message
    assert "hush" not in refusal.value.message


def test_a_file_that_cannot_be_read_is_named() -> None:
    write("latin.env").write_bytes(b"LEAN_VERSION=\xff\n")

    with pytest.raises(ConfigurationError, match=r"latin\.env cannot be read"):
        load_environment(Path("environments/latin.env"))
    with pytest.raises(ConfigurationError, match=r"gone\.env cannot be read"):
        load_environment(Path("environments/gone.env"))


def test_a_folder_has_one_environment_for_each_file_with_a_name() -> None:
    for name in ("b.env", "a.env", ".env", "a.env~", "README"):
        write(name)

    files = environment_files(load(environments_dir="environments"))

    assert [file.name for file in files] == ["a.env", "b.env"]
    with pytest.raises(ConfigurationError, match="ENVIRONMENTS_DIR"):
        environment_files(load(environments_dir="nowhere"))


@pytest.mark.parametrize("own", ["default", "lab"])
def test_two_cannot_have_one_name(own: str) -> None:
    write(f"{own}.env")

    with pytest.raises(ConfigurationError, match=rf"{own}\.env"):
        lean_rooms(load(environments_dir="environments", lean_environment=own))


def test_a_room_alone_sizes_itself() -> None:
    [room] = lean_rooms(load(lean_workers=3))

    assert room.variables == {"LEAN_WORKERS": "3"}


def test_rooms_together_fit_their_host() -> None:
    write("a.env")
    write("b.env", "LEAN_WORKERS=5")
    rooms = lean_rooms(load(environments_dir="environments"))

    assert [room.environment for room in rooms] == ["default", "a", "b"]
    assert rooms[2].variables["LEAN_WORKERS"] == "5"
    assert len({room.variables["LEAN_MEMORY_LIMIT_MB"] for room in rooms}) == 1


@pytest.mark.parametrize(
    ("workers", "cores", "memory_gb", "shares"),
    [
        ((0, 0), 8, 128, [4, 4]),
        ((0, 0, 0), 8, 128, [4, 2, 2]),
        ((0, 0), 8, 32, [2, 2]),  # 8 GB each: memory decides
        ((0, 0), 1, 4, [1, 1]),  # each has one, whatever there is
        ((2, 0), 8, 128, [2, 6]),
        ((0, 6, 0), 8, 128, [1, 6, 1]),
        ((9, 0), 8, 16, [9, 1]),
        ((3, 4), 1, 1, [3, 4]),  # what was said is done
    ],
)
def test_cores_and_memory_are_shared(workers: tuple[int, ...], cores: int, memory_gb: int, shares: list[int]) -> None:
    asked = [load(lean_workers=count) for count in workers]

    assert share_processes(asked, cores, memory_gb * 1024) == shares
