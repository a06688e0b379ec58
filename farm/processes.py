"""Processes: make children die with their parent, and find and end whole sessions."""

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
_FIRST_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO: that of a host outside of any container
_MB = 1024 * 1024
_KILLED_WITHIN_S = 0.2
_POLL_S = 0.005

# Loaded here, because a child must not import between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True)


def own_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of the farm, never a module of the same name in the working directory.

    Without `-P`, Python looks in that directory first, for the module and for all its imports. PYTHONSAFEPATH would not
    do, because programs that a worker starts, such as the checker, would inherit it.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def keep_loaded() -> None:
    """Exempt what is loaded from garbage collection: modules live as long as their process.

    Otherwise Python looks through all of it once more at exit. With the modules of Celery and Pydantic, that takes 0.3
    to 0.6 s, and a farm ends six such processes at once.
    """
    gc.freeze()
    atexit.register(gc.freeze)  # for what was loaded later


def die_with_parent(parent: int, signum: int = signal.SIGKILL) -> None:
    """Make the kernel send this process a signal when the thread that started it ends (Linux; elsewhere no effect).

    The request survives exec but not fork, so every process in a chain has to make it.

    Args:
        parent: the process that should be the parent; if it has already died, this process ends at once.
        signum: the signal to send.
    """
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose their parent, so that no process can hide by a double fork."""
    if hasattr(_libc, "prctl"):
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def session_members(session: int) -> Iterator[psutil.Process]:
    """Yield the processes of a session, whoever their parents are."""
    # The kernel is asked first: on a busy host psutil takes a tenth of a second to look at every process.
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError, psutil.Error):
            if os.getsid(pid) == session:
                yield psutil.Process(pid)


def end_session(session: int) -> None:
    """Kill every process of a session, and every descendant of its leader, until none is left.

    None of them is reaped, so that the parent can still read each exit status; psutil's `wait` would take it away.
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
    """Kill processes that a dead worker left behind on this host; return how many.

    A worker writes its identity into its environment. Every process that its REPL starts inherits this variable, across
    sessions and double forks. Processes of containers are left to a reaper there, where that identity means the worker.
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
    """Return a name for the processes whose ids this process sees: the host's, and in a container also a number.

    A container may have its host's name, as with Docker's `--network host`, and still number its processes itself.
    """
    namespace = _pid_namespace()
    number = "" if namespace in ("", _FIRST_NAMESPACE) else "/" + namespace.strip("pid:[]")
    return socket.gethostname() + number


def _pid_namespace(pid: int | str = "self") -> str:
    """Return the namespace of a process's id, as `pid:[NUMBER]`; empty if the kernel does not show it."""
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
    """Return the resident memory of a process and its descendants in MB; 0 when it is gone."""
    return sum(map(memory_mb, tree(pid)))


def tree_cpu_s(pid: int) -> float:
    """Return the processor seconds that a process and its descendants have used; 0 when it is gone."""
    total = 0.0
    for member in tree(pid):
        with contextlib.suppress(psutil.Error):
            times = psutil.Process(member).cpu_times()
            total += times.user + times.system
    return total


def tree(pid: int) -> list[int]:
    """Return a process and its descendants.

    The kernel's lists of children are used where they exist, because reading all of /proc took more than a core on a
    host with 200 Lean processes. psutil's `children` is not used, because it leaves out children that seem older than
    their parent; they do if the wall clock is set between the moments at which psutil looks at the two.
    """
    children = _children if _lists_children() else _children_by_parent().__getitem__
    found = [pid]
    for member in found:  # the list grows meanwhile
        found += children(member)
    return found


def _children_by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            found[process.ppid()].append(process.pid)
    return found


def _children(pid: int) -> list[int]:
    """Return the children of a process; the kernel lists them by the thread that started them."""
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
    """Return the resident memory of one process in MB; 0 when it is gone."""
    try:
        return float(psutil.Process(pid).memory_info().rss) / _MB
    except psutil.Error:
        return 0.0


def open_descriptors(pid: int) -> int:
    """Return how many descriptors one process has open; 0 when it is gone, or another user's."""
    try:
        return int(psutil.Process(pid).num_fds())
    except psutil.Error:
        return 0


def process_identity(pid: int) -> str:
    """Return `pid.start` of a process: unlike the pid, it is never reused. Empty when the process is gone."""
    try:
        return f"{pid}.{_started(pid)}"
    except (OSError, psutil.Error):
        return ""


def _started(pid: int) -> int:
    """Return when a process started.

    On Linux the time is in clock ticks since boot. psutil would add the time of boot, which moves with the wall clock:
    setting the clock by a second would make every live worker look dead.
    """
    if os.uname().sysname == "Linux":
        # The second field is the name in brackets, which may itself contain spaces and brackets.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return int(psutil.Process(pid).create_time() * 100)


def is_identity_alive(identity: str) -> bool:
    """Whether the process with this identity is still running on this host."""
    pid, _, _ = identity.partition(".")
    return pid.isdigit() and process_identity(int(pid)) == identity
