"""Attempts to read secrets, to change files that others rely on, and to leave the scratch folder."""

from __future__ import annotations

import fcntl
import mmap
import os
import signal

from workers.sandbox.attempts import Facts, Refused, Table, call


def _read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(64)


def _write(path: str, flags: int = os.O_WRONLY | os.O_CREAT) -> None:
    fd = os.open(path, flags, 0o600)
    os.write(fd, b"x")
    os.close(fd)


def _touch(path: str) -> None:
    _write(path)
    os.unlink(path)


def _open(path: str, flags: int = os.O_RDONLY) -> int:
    return os.open(path, flags)


def _scratch(name: str) -> str:
    return os.path.join(os.environ["TMPDIR"], name)


def _read_a_secret_in_the_environment(_: Facts) -> None:
    if not [name for name in os.environ if "SECRET" in name]:
        raise Refused("the environment holds none")


def _move_a_file_over_an_olean(at: Facts) -> None:
    _write(_scratch("forged"))
    os.rename(_scratch("forged"), at["olean"])


def _map_an_olean_to_change_it(at: Facts) -> None:
    with mmap.mmap(_open(at["olean"], os.O_RDWR), 1) as mapped:
        mapped[0:1] = b"x"


def _write_a_large_file(_: Facts) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    os.ftruncate(_open(_scratch("large"), os.O_WRONLY | os.O_CREAT), 200 << 20)


DENIED: Table = {
    "read_a_secret_in_the_home_folder": lambda at: _read(f"{at['home']}/.secret"),
    "read_the_env_file": lambda at: _read(at["env_file"]),
    "read_the_api_keys": lambda at: _read(at["api_keys"]),
    "read_the_launchers_plan": lambda at: _read(at["plan"]),
    "read_etc_shadow": lambda _: _read("/etc/shadow"),
    "read_etc_passwd": lambda _: _read("/etc/passwd"),
    "read_a_file_through_a_link_in_proc": lambda at: _read(f"/proc/self/root{at['env_file']}"),
    "read_a_secret_in_the_environment": _read_a_secret_in_the_environment,
    "list_the_home_folder": lambda at: os.listdir(at["home"]),
    "list_the_root": lambda _: os.listdir("/"),
    "list_other_scratch_folders": lambda _: os.listdir(os.path.dirname(os.environ["TMPDIR"])),
    "overwrite_an_olean": lambda at: _write(at["olean"]),
    "append_to_an_olean": lambda at: _write(at["olean"], os.O_WRONLY | os.O_APPEND),
    "truncate_an_olean": lambda at: os.truncate(at["olean"], 0),
    "truncate_an_olean_while_reading": lambda at: _open(at["olean"], os.O_RDONLY | os.O_TRUNC),
    "delete_an_olean": lambda at: os.unlink(at["olean"]),
    "move_a_file_over_an_olean": _move_a_file_over_an_olean,
    "map_an_olean_to_change_it": _map_an_olean_to_change_it,
    "change_the_mode_of_an_olean": lambda at: os.chmod(at["olean"], 0o777),
    "change_the_mode_through_a_descriptor": lambda at: os.fchmod(_open(at["olean"]), 0o777),
    "take_an_olean_over": lambda at: os.chown(at["olean"], os.getuid(), -1),
    "date_an_olean_back": lambda at: os.utime(at["olean"], (0, 0)),
    "label_an_olean": lambda at: os.setxattr(at["olean"], "user.mark", b"x"),
    "lock_an_olean": lambda at: fcntl.flock(_open(at["olean"]), fcntl.LOCK_EX),
    "link_an_olean_into_scratch": lambda at: os.link(at["olean"], _scratch("linked")),
    "link_a_secret_symbolically": lambda at: os.symlink(at["env_file"], _scratch("pointer")),
    "overwrite_the_repl": lambda at: _write(at["program"], os.O_WRONLY | os.O_APPEND),
    "create_a_file_beside_an_olean": lambda at: _write(f"{at['olean']}.new"),
    "create_a_file_beside_the_scratch_folder": lambda _: _write(f"{os.environ['TMPDIR']}.new"),
    "create_a_file_in_etc": lambda _: _touch("/etc/leanfarm_selftest"),
    "create_a_file_in_shared_memory": lambda _: _touch("/dev/shm/leanfarm_selftest"),
    "create_a_file_in_tmp": lambda _: _touch("/tmp/leanfarm_selftest"),
    "create_a_folder_in_scratch": lambda _: os.mkdir(_scratch("folder")),
    "create_a_pipe_in_scratch": lambda _: os.mkfifo(_scratch("pipe")),
    "create_a_device_in_scratch": lambda _: os.mknod(_scratch("memory"), 0o020600, os.makedev(1, 1)),
    "write_its_memory_through_proc": lambda _: _open("/proc/self/mem", os.O_RDWR),
    "be_spared_by_the_memory_killer": lambda _: _write("/proc/self/oom_score_adj", os.O_WRONLY),
    "write_a_large_file": _write_a_large_file,
    "open_many_files": lambda _: [_open("/dev/null") for _ in range(4096)],
    "watch_files": lambda _: call("inotify_init1", 0),
}
