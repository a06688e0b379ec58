"""The plan of the sandbox, derived once from the settings and the output of `lake env`, and read at every start."""

from __future__ import annotations

import marshal
import os
import shutil
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from workers.sandbox.kernel import Missing
from workers.sandbox.limits import THREADS_MIN

SOURCE = Path(__file__).resolve().parents[2]
_LAUNCH = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from workers.lean.launcher import main; main()"

# What dynamic linking and the C library look at. /proc/self/maps: glibc finds the main thread's stack in it.
_SYSTEM = (
    *("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/etc/ld.so.cache"),
    *("/etc/localtime", "/usr/share/zoneinfo", "/sys/devices/system/cpu", "/proc/self/maps"),
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
# The variables in which `lake env` names the folders of Lean and of its libraries.
_LEAN_PLACES = ("LEAN_SYSROOT", "LEAN_PATH", "LD_LIBRARY_PATH", "LAKE_CACHE_DIR")
_CHAIN = 4  # how many `#!` lines in a row the kernel follows

_CHOWN, _DAC_READ_SEARCH, _KILL, _SETGID, _SETUID = 0, 2, 5, 6, 7
_PRIVILEGED = (1 << _CHOWN) | (1 << _KILL) | (1 << _SETGID) | (1 << _SETUID)
# User ids for REPLs are far from those of people and services.
_FIRST_USER, _USERS = 0x40000000, 1 << 30
# If a user namespace lacks those ids, but maps at least `_LEAST_MAPPED` ids, the last `_LAST_MAPPED` of its ids are for
# REPLs.
_LEAST_MAPPED, _LAST_MAPPED = 1 << 16, 1 << 15
_MOST_PIDS = 1 << 22


class Cage(TypedDict):
    """The sandbox around one REPL.

    Attributes:
        read: paths below which everything may be read.
        run: programs, and folders of programs, that may be executed.
        devices: files that may be read and written although they lie outside the other paths.
        scratch: the folder in which each REPL gets a folder of its own.
        address_space_mb: RLIMIT_AS in MB.
        threads: RLIMIT_NPROC, where the REPL has a user id of its own.
        fork: whether the REPL may start processes.
        users: the first user id and the number of ids to choose from; None keeps the worker's id.
        may_search: whether the REPL keeps the right to search folders whatever their modes say.
        bubblewrap: the path of `bwrap` if bubblewrap goes around the other layers, otherwise empty.
    """

    read: list[str]
    run: list[str]
    devices: list[str]
    scratch: str
    address_space_mb: int
    threads: int
    fork: bool
    users: tuple[int, int] | None
    may_search: bool
    bubblewrap: str


class Plan(TypedDict):
    """Everything that the launcher needs to know.

    Attributes:
        lake: the path of the real `lake`.
        inherited: the worker's environment, without credentials.
        environment: what `lake env` makes of `inherited`, or None if that is not known.
        address_space_mb: RLIMIT_AS in MB if there is no cage.
        cage: the sandbox; None if it is off.
        launcher: the command that starts the launcher.
        visible: the paths that the launcher itself needs to see.
    """

    lake: str
    inherited: dict[str, str]
    environment: dict[str, str] | None
    address_space_mb: int
    cage: Cage | None
    launcher: list[str]
    visible: list[str]


@dataclass(frozen=True)
class Needs:
    """The facts from which the sandbox for a program is derived.

    Attributes:
        program: the program that will be started.
        environment: the environment in which the program is started.
        folders: further folders that the program must be able to read.
        programs: the programs that the program may start itself.
        scratch: the folder for scratch folders.
        address_space_mb: RLIMIT_AS in MB.
        bubblewrap: whether bubblewrap goes around the sandbox.
    """

    program: Path
    environment: Mapping[str, str]
    folders: Sequence[Path]
    programs: Sequence[Path]
    scratch: Path
    address_space_mb: int
    bubblewrap: bool = False


def python() -> str:
    """Return the path of the Python interpreter itself, not of a virtual environment's link to it.

    By this path, Python starts faster, and without the packages of the virtual environment.
    """
    return os.path.realpath(sys.executable)


def launcher() -> list[str]:
    """Return the command that starts the launcher."""
    return [python(), "-IS", "-c", _LAUNCH]


def visible() -> list[str]:
    """Return the paths that bubblewrap must show for the launcher's own sake."""
    return [str(Path(sys.base_prefix).resolve()), str(SOURCE / "workers"), python()]


def cage(needs: Needs) -> Cage:
    """Return the sandbox for a program.

    Raises:
        Missing: bubblewrap is wanted, but is not installed.
    """
    scripts, binaries = _interpreters(needs.program)
    started = [found for program in needs.programs for group in _interpreters(program) for found in group]
    named = [Path(text) for name in _LEAN_PLACES for text in needs.environment.get(name, "").split(":")]
    folders = _existing([*needs.folders, *named])
    # A script starts its interpreter and whatever the script names. So a script may start all that it may read.
    run = [*scripts, *binaries, *started, *(folders if scripts else [])]
    privileges, user_range = _capabilities(), _user_range()
    may_search = bool(privileges >> _DAC_READ_SEARCH & 1)
    is_privileged = privileges & _PRIVILEGED == _PRIVILEGED and (
        may_search or all(map(_is_open_to_all, (*folders, *run, needs.scratch)))
    )
    return Cage(
        read=[*_SYSTEM, *(str(path) for path in folders)],
        run=[str(path) for path in run],
        devices=list(_DEVICES),
        scratch=str(needs.scratch),
        address_space_mb=needs.address_space_mb,
        threads=max(THREADS_MIN, 2 * (os.cpu_count() or 1) + 64),
        fork=bool(needs.programs),
        users=user_range if is_privileged else None,
        may_search=may_search,
        bubblewrap=_bubblewrap() if needs.bubblewrap else "",
    )


def write(plan: Plan, folder: Path) -> Path:
    """Write the plan, and the executable that stands in for `lake`; return the path of the executable."""
    written = folder / "plan"
    written.touch(mode=0o600)
    # Not JSON: the launcher would need 7 ms to import a parser for it.
    written.write_bytes(marshal.dumps(dict(plan)))
    start = " ".join(_quoted(word) for word in [*plan["launcher"], str(written)])
    script = folder / "lake"
    script.write_text(f'#!/bin/sh\nexec {start} "$@"\n')
    script.chmod(0o700)
    return script


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


def _existing(paths: Iterable[Path]) -> list[Path]:
    found = [path.resolve() for path in paths if path.is_absolute() and path.exists()]
    return sorted(set(found))


def _interpreters(program: Path) -> tuple[list[Path], list[Path]]:
    """Return the scripts and the binaries that are executed when a program starts; dynamic loaders are binaries too."""
    scripts, binaries = [], []
    for _ in range(_CHAIN):
        with program.open("rb") as file:
            head = file.read(4096)
        if not head.startswith(b"#!"):
            break
        scripts.append(program)
        program = Path(os.fsdecode(head[2:].split(b"\n", 1)[0].split()[0]))
    binaries = [program, program.resolve(), *_loader(head)]
    return scripts, list(dict.fromkeys(binaries))


def _loader(head: bytes) -> Iterator[Path]:
    """Yield the path of the dynamic loader that an ELF program names (PT_INTERP), then the path with links resolved."""
    if not head.startswith(b"\x7fELF\x02"):
        return
    (offset,), (size, count) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<HH", head, 54)
    for index in range(count):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", head, offset + index * size)
        if kind == 3:
            loader = Path(os.fsdecode(head[start : start + length - 1]))
            yield from (loader, loader.resolve())


def _capabilities() -> int:
    """Return this process's capabilities as a bit set; 0 where the kernel has none to show."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)


def _user_range() -> tuple[int, int] | None:
    try:
        uid_map = Path("/proc/self/uid_map").read_text()
    except OSError:
        return None
    try:
        return user_range(uid_map, int(Path("/proc/sys/kernel/pid_max").read_text()))
    except (OSError, ValueError):
        return user_range(uid_map, _MOST_PIDS)


def user_range(uid_map: str, pid_max: int) -> tuple[int, int] | None:
    """Return a range of user ids that nobody has, as its first id and its size; None if fewer than 65 536 are mapped.

    A REPL takes the id whose place in the range is the worker's process id modulo the range's size (`cage.user_of`).
    The range has an id for every process id. So two workers whose REPLs could see each other never give their REPLs
    the same id, even if both drew the same range. In different containers, two workers may have the same process id, so
    each worker draws its range at random.

    Some user namespaces map at least 65 536 ids, but not the ids from which such a range is drawn. The range is then
    the last 32 768 ids of the namespace. Two workers whose process ids differ by a multiple of 32 768 then give their
    REPLs the same id.

    Args:
        uid_map: the contents of `/proc/self/uid_map`.
        pid_max: the kernel's bound on process ids.
    """
    maps = [[int(word) for word in line.split()] for line in uid_map.splitlines()]
    last = max((inside + count for inside, _, count in maps), default=0)
    if last > _FIRST_USER + _USERS:
        drawn = int.from_bytes(os.urandom(4), "big") % (_USERS // pid_max)
        return _FIRST_USER + drawn * pid_max, pid_max
    return (last - _LAST_MAPPED, _LAST_MAPPED) if last >= _LEAST_MAPPED else None


def _is_open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents)


def _bubblewrap() -> str:
    found = shutil.which("bwrap")
    if not found:
        raise Missing("bubblewrap is not installed (`bwrap`): install it, or set SANDBOX=required")
    return found
