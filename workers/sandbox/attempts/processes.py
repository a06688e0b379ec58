"""Attempts to start processes, to inspect, change or end other processes, and to outlive the REPL."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import threading

from workers.sandbox.attempts import Facts, Table, call, calls
from workers.sandbox.kernel import libc

_PTRACE_SEIZE = 0x4206
_SIGCHLD = 17
_MAP_NORESERVE = 0x4000
_F_SETOWN = 8
_AT_EMPTY_PATH = 0x1000
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_SAYS = 'echo \'["allowed", ""]\''


def _parent(at: Facts) -> int:
    return int(at["parent"])


def _open(path: str, flags: int = os.O_RDONLY) -> None:
    os.read(os.open(path, flags), 1)


def _started(child: int) -> None:
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _clone_the_new_way(_: Facts) -> None:
    arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, _SIGCHLD)
    _started(call("clone3", arguments, ctypes.sizeof(arguments)))


def _execute_a_script_from_scratch(_: Facts) -> None:
    path = os.path.join(os.environ["TMPDIR"], "script")
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o700)) as file:
        file.write(f"#!/bin/sh\n{_SAYS}\n")
    os.execve(path, ["script"], {})


def _start_many_threads(_: Facts) -> None:
    threading.stack_size(1 << 16)
    end = threading.Event()
    try:
        for _each in range(2000):
            threading.Thread(target=end.wait, daemon=True).start()
    finally:
        end.set()


def _queue_a_signal(at: Facts) -> None:
    call("rt_sigqueueinfo", _parent(at), 0, ctypes.create_string_buffer(b"\0" * 8 + b"\xff" * 4, 128))


def _slow_the_parent_down(at: Facts) -> None:
    os.setpriority(os.PRIO_PROCESS, _parent(at), os.getpriority(os.PRIO_PROCESS, _parent(at)))


def _prctl(option: int, value: int) -> None:
    if libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


DENIED: Table = {
    "fork": lambda _: _started(os.fork()),
    "vfork": lambda _: os.posix_spawn("/bin/true", ["true"], {}),
    "clone_a_process": lambda _: _started(call("clone", _SIGCHLD, 0, 0, 0, 0)),
    "clone_a_process_the_new_way": _clone_the_new_way,
    "execute_a_shell": lambda _: os.execve("/bin/sh", ["sh", "-c", _SAYS], {}),
    "execute_a_script_from_scratch": _execute_a_script_from_scratch,
    "execute_from_a_descriptor": lambda _: call(
        "execveat", os.open("/bin/true", os.O_PATH), ctypes.c_char_p(b""), 0, 0, _AT_EMPTY_PATH
    ),
    "execute_from_memory": lambda _: os.memfd_create("program"),
    "take_much_memory": lambda _: mmap.mmap(-1, 100 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE),
    "signal_the_parent": lambda at: os.kill(_parent(at), 0),
    "signal_everybody": lambda _: os.kill(-1, 0),
    "signal_its_process_group": lambda _: os.kill(0, 0),
    "signal_a_thread_of_the_parent": lambda at: call("tgkill", _parent(at), _parent(at), 0),
    "signal_a_thread_by_number": lambda at: call("tkill", _parent(at), 0),
    "queue_a_signal_to_the_parent": _queue_a_signal,
    "have_a_signal_sent_to_the_parent": lambda at: fcntl.fcntl(0, _F_SETOWN, _parent(at)),
    "open_the_parent_by_pidfd": lambda at: os.pidfd_open(_parent(at)),
    "read_the_parents_environment": lambda at: _open(f"/proc/{at['parent']}/environ"),
    "read_the_parents_command_line": lambda at: _open(f"/proc/{at['parent']}/cmdline"),
    "open_the_parents_memory": lambda at: os.open(f"/proc/{at['parent']}/mem", os.O_RDWR),
    "list_the_parents_files": lambda at: os.listdir(f"/proc/{at['parent']}/fd"),
    "write_to_a_pipe_of_the_parent": lambda at: os.open(f"/proc/{at['parent']}/fd/{at['pipe']}", os.O_WRONLY),
    "compare_files_with_the_parent": lambda at: call("kcmp", _parent(at), _parent(at), 2, 0, 0),
    "list_the_processes": lambda _: os.listdir("/proc"),
    "limit_the_parent": lambda at: call("prlimit64", _parent(at), 7, 0, 0),
    "slow_the_parent_down": _slow_the_parent_down,
    "pin_the_parent_to_a_core": lambda at: os.sched_setaffinity(_parent(at), os.sched_getaffinity(_parent(at))),
    "leave_the_session": lambda _: os.setsid(),
    "leave_the_process_group": lambda _: os.setpgid(0, 0),
    "outlive_the_worker": lambda _: _prctl(_PR_SET_PDEATHSIG, 0),
    "hide_from_the_worker": lambda _: _prctl(_PR_SET_DUMPABLE, 0),
    "become_root": lambda _: os.setresuid(0, 0, 0),
    "leave_all_groups": lambda _: os.setgroups([]),
    **calls("capset ioprio_set sched_setattr"),
}

DENIED_BY_ID: Table = {"start_many_threads": _start_many_threads}

KILLED: Table = {
    "trace_the_parent": lambda at: call("ptrace", _PTRACE_SEIZE, _parent(at), 0, 0),
    "read_the_parents_memory": lambda at: call("process_vm_readv", _parent(at), 0, 0, 0, 0, 0),
    "write_the_parents_memory": lambda at: call("process_vm_writev", _parent(at), 0, 0, 0, 0, 0),
    **calls("pidfd_getfd process_madvise process_mrelease"),
}
