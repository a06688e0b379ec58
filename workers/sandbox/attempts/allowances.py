"""The actions that an honest Lean needs: a sandbox that denies one of them is useless."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import select
import signal
import threading
import time

from workers.sandbox.attempts import Facts, Table, call
from workers.sandbox.kernel import libc

_GB = 1 << 30
_ANONYMOUS, _MAP_NORESERVE = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, 0x4000
_PROT_ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
_PR_SET_NAME = 15
_MADV_DONTNEED = 4


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def _use_scratch(_: Facts) -> None:
    path = os.path.join(os.environ["TMPDIR"], "file")
    for text in ("one", "two"):
        with open(path, "w") as file:
            file.write(text)
    os.rename(path, path + ".new")
    with open(path + ".new") as file:
        assert file.read() == "two"
    os.unlink(path + ".new")


def _map_an_olean(at: Facts) -> None:
    with open(at["olean"], "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ) as mapped:
        assert mapped[:5] == b"olean"


def _use_threads_and_locks(_: Facts) -> None:
    together = threading.Barrier(32)
    threads = [threading.Thread(target=together.wait) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _handle_its_own_signals(_: Facts) -> None:
    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert len(seen) == 2


def _wait_for_events(_: Facts) -> None:
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    with select.epoll() as poll:
        poll.register(os.eventfd(1), select.EPOLLIN)
        poll.register(read_end, select.EPOLLIN)
        os.write(write_end, b"x")
        assert len(poll.poll(1)) == 2


ALLOWED: Table = {
    "write_rename_and_delete_in_scratch": _use_scratch,
    "read_an_olean": lambda at: (os.listdir(os.path.dirname(at["olean"])), _read(at["olean"])),
    "map_an_olean": _map_an_olean,
    "reserve_address_space": lambda _: mmap.mmap(-1, 4 * _GB, _ANONYMOUS | _MAP_NORESERVE),
    "use_threads_and_locks": _use_threads_and_locks,
    "tell_the_time": lambda _: (time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID), time.localtime()),
    "sleep": lambda _: time.sleep(0.001),
    "draw_random_numbers": lambda _: (os.getrandom(16), _read("/dev/urandom")),
    "handle_its_own_signals": _handle_its_own_signals,
    "wait_for_events": _wait_for_events,
    "count_the_cores": lambda _: (os.sched_getaffinity(0), _read("/sys/devices/system/cpu/online")),
    "find_its_stack_and_its_program": lambda _: (os.readlink("/proc/self/exe"), _read("/proc/self/maps")),
    "name_a_thread": lambda _: libc.prctl(_PR_SET_NAME, b"lean"),
    "give_memory_back": lambda _: (libc.malloc_trim(0), call("madvise", 0, 0, _MADV_DONTNEED)),
    "make_memory_executable": lambda _: mmap.mmap(-1, mmap.PAGESIZE, prot=_PROT_ALL),
    "load_a_library": lambda _: ctypes.CDLL("libm.so.6"),
    "ask_for_limits_and_usage": lambda _: (resource.getrlimit(resource.RLIMIT_STACK), resource.getrusage(0)),
    "ask_for_the_machine": lambda _: (os.uname(), os.cpu_count()),
}
