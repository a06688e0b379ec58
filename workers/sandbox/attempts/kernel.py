"""Attempts to make system calls by which a program could attack the kernel, and so everybody on the host."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os

from workers.sandbox.attempts import Facts, Refused, Table, call, calls
from workers.sandbox.kernel import syscall

_TIOCSTI = 0x5412
_RLIMIT_CORE = 4
_PROT_ALL = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC


def _be_given_core_dumps(_: Facts) -> None:
    call("prlimit64", 0, _RLIMIT_CORE, (ctypes.c_uint64 * 2)(1 << 20, 1 << 20), 0)


def _gain_privileges_by_executing(_: Facts) -> None:
    with open("/proc/thread-self/status") as file:
        if "NoNewPrivs:\t1" in file.read():
            raise Refused("no_new_privs is set")


def _call_as_a_32_bit_program(_: Facts) -> None:
    if os.uname().machine != "x86_64":
        call("ptrace", 0, 0, 0, 0)  # other machines have no 32-bit calls, so this makes another hostile call
    # mov eax, 20 (getpid); int 0x80; ret
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"
    memory = mmap.mmap(-1, mmap.PAGESIZE, prot=_PROT_ALL)
    memory.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    ctypes.CFUNCTYPE(ctypes.c_int)(address)()


def _call_by_x32_numbers(_: Facts) -> None:
    if os.uname().machine != "x86_64":
        call("ptrace", 0, 0, 0, 0)
    if syscall(0x40000000 | 39) < 0:
        raise OSError(ctypes.get_errno(), "x32")


DENIED: Table = {
    **calls("personality", 0xFFFFFFFF),
    **calls("io_uring_setup openat2 seccomp syslog landlock_create_ruleset memfd_secret"),
    **calls("semget msgget shmget mq_open mlockall splice vmsplice mbind move_pages"),
    "type_into_the_terminal": lambda _: fcntl.ioctl(0, _TIOCSTI, b"x"),
    "ask_a_device_anything": lambda _: fcntl.ioctl(os.open("/dev/null", os.O_RDONLY), 0x1234),
    "be_given_core_dumps": _be_given_core_dumps,
    "gain_privileges_by_executing": _gain_privileges_by_executing,
}

# The arguments are wrong on purpose, or ask for nothing (`unshare(0)`). So these calls change nothing, even without the
# sandbox.
KILLED: Table = {
    **calls("unshare", 0),
    **calls("mount umount2 pivot_root chroot setns swapon swapoff acct quotactl"),
    **calls("open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr"),
    **calls("bpf perf_event_open userfaultfd add_key request_key keyctl"),
    **calls("open_by_handle_at fanotify_init fanotify_mark"),
    **calls("init_module finit_module delete_module kexec_load reboot"),
    **calls("sethostname setdomainname settimeofday clock_settime"),
    "call_as_a_32_bit_program": _call_as_a_32_bit_program,
    "call_by_x32_numbers": _call_by_x32_numbers,
}
