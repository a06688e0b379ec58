"""Processes: functions that make children die with their parent, and that find, measure and end whole trees of them."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_FIRST_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO: the namespace of the host, outside of any container
_MB = 1024 * 1024
_KILLED_WITHIN_S = 0.2
_POLL_S = 0.005

# libc is loaded here, because a child must not load anything between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True)


def own_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of the farm, and not one of the same name in the working directory.

    Without `-P`, Python looks for the module and for all its imports in the working directory first. PYTHONSAFEPATH is
    not used, because the programs that a worker starts, such as the checker, would inherit it.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def keep_loaded() -> None:
    """Exempt all loaded modules from garbage collection; they live as long as their process anyway.

    Otherwise Python looks through all of their objects once more when the process exits. With the modules of Celery and
    Pydantic, this takes 0.3 to 0.6 s, and a farm ends six such processes at once.
    """
    gc.freeze()
    atexit.register(gc.freeze)  # for the modules that are loaded later


def die_with_parent(parent: int, signum: int = signal.SIGKILL) -> None:
    """Make the kernel send this process a signal when the thread that started it ends; this works only on Linux.

    The request survives exec but not fork, so every process in a chain of processes has to make it.

    Args:
        parent: the id of the process that should be the parent; if it has already died, this process ends at once.
        signum: the signal to send.
    """
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def adopt_orphans() -> None:
    """Make this process the parent of each descendant whose parent ends, so that none can hide by a double fork."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def session_members(session: int) -> Iterator[psutil.Process]:
    """Yield the processes of a session, whoever their parents are."""
    # The kernel is asked first, because on a busy host psutil takes a tenth of a second to look at all processes.
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(pid) == session:
                yield psutil.Process(pid)


def end_session(session: int) -> None:
    """Kill every process of a session and every descendant of its leader, again and again until none is left.

    No process is reaped here, so that its parent can still read its exit status. psutil's `wait` would reap it.
    """
    for _ in range(10):
        doomed = {process.pid: process for process in session_members(session)}
        for pid in tree(session)[1:]:
            with contextlib.suppress(psutil.Error):
                doomed[pid] = psutil.Process(pid)
        alive = [process for process in doomed.values() if _is_running(process)]
        if not alive:
            return
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        deadline = time.monotonic() + _KILLED_WITHIN_S
        while time.monotonic() < deadline and any(map(_is_running, alive)):
            time.sleep(_POLL_S)


def end_descendants() -> None:
    """Kill and reap the descendants of this process, adopted orphans included."""
    for pid in tree(os.getpid())[1:]:
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(pid)
            child.kill()
            child.wait(timeout=1)


OWNER_VARIABLE = "LEANFARM_WORKER"


def end_orphans() -> int:
    """Kill the processes that dead workers have left behind on this host; return how many there were.

    A worker writes its identity into a variable of its environment. Every process that its REPL starts inherits this
    variable, across sessions and double forks. Processes of a container are left to a reaper in the same container,
    because the identity names the worker only there.
    """
    ended, here = 0, _pid_namespace()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            owner = process.environ().get(OWNER_VARIABLE, "")
            if owner and not is_identity_alive(owner) and _pid_namespace(process.pid) == here:
                process.kill()
                ended += 1
    return ended


def host_of_ids() -> str:
    """Return a name for this host or container, within which a process id stands for one process.

    This is the name of the host. In a container, a number is added to it, because a container has process ids of
    its own but may have the name of its host, as with Docker's `--network host`.
    """
    namespace = _pid_namespace()
    number = "" if namespace in ("", _FIRST_NAMESPACE) else "/" + namespace.strip("pid:[]")
    return socket.gethostname() + number


def _pid_namespace(pid: int | str = "self") -> str:
    """Return the pid namespace of a process as `pid:[NUMBER]`; empty if the kernel does not show it."""
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def tree_memory_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants in MB; 0 if the process is gone."""
    return sum(map(memory_mb, tree(pid)))


def tree_cpu_s(pid: int) -> float:
    """Return the processor seconds that a process and its descendants have used; 0 if the process is gone."""
    total = 0.0
    for member in tree(pid):
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(member).cpu_times()
            total += times.user + times.system
    return total


def tree(pid: int) -> list[int]:
    """Return the ids of a process and its descendants.

    If the kernel has lists of children, they are used, because reading all of /proc took more than a core on a host
    with 200 Lean processes. psutil's `children` is not used, because it leaves out a child that seems to be older than
    its parent. If the wall clock is set back after psutil has looked at the parent, a child may seem older.
    """
    children = _children if _lists_children() else _children_by_parent().__getitem__
    found = [pid]
    for member in found:  # the list grows while it is read
        found += children(member)
    return found


def _children_by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found[process.ppid()].append(process.pid)
    return found


def _children(pid: int) -> list[int]:
    """Return the ids of the children of a process. The kernel lists them by the thread that started them."""
    found: list[int] = []
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/task") as threads:
        for thread in threads:
            with contextlib.suppress(OSError), open(f"{thread.path}/children") as file:  # noqa: PTH123 - 10 times a second
                found += map(int, file.read().split())
    return found


@cache
def _lists_children() -> bool:
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def memory_mb(pid: int) -> float:
    """Return the resident memory of one process in MB; 0 if the process is gone."""
    try:
        return float(psutil.Process(pid).memory_info().rss) / _MB
    except psutil.Error:
        return 0.0


def open_descriptors(pid: int) -> int:
    """Return how many descriptors one process has open; 0 if the process is gone or belongs to another user."""
    try:
        return int(psutil.Process(pid).num_fds())
    except psutil.Error:
        return 0


def process_identity(pid: int) -> str:
    """Return `pid.start` of a process, which unlike the pid is never reused; empty if the process is gone."""
    try:
        return f"{pid}.{_started(pid)}"
    except (OSError, psutil.Error):
        return ""


def _started(pid: int) -> int:
    """Return when a process started.

    On Linux the time is in clock ticks since boot. psutil would add the time of the boot, which moves with the wall
    clock. If that clock then changed by a second, every live worker would look dead.
    """
    if os.uname().sysname == "Linux":
        # The second field is the name of the process in brackets. The name may itself contain spaces and brackets.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return int(psutil.Process(pid).create_time() * 100)


def is_identity_alive(identity: str) -> bool:
    """Whether the process with this identity is still running on this host.

    A zombie does not count as running: it has ended, and its parent has not yet collected its exit status.
    """
    pid, _, _ = identity.partition(".")
    return pid.isdigit() and process_identity(int(pid)) == identity and not _is_zombie(int(pid))


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.NoSuchProcess:
        return True
    except psutil.Error:
        return False  # the process is there, but this user may not read its state
