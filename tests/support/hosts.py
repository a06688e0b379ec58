"""Separate hosts on this machine: network namespaces on one bridge, each with its own address and host name."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Host:
    """One host of a network.

    Attributes:
        name: the name of its namespace, of its interface on the bridge, and of the host itself.
        address: the IPv4 address at which the other hosts reach it.
    """

    name: str
    address: str

    def command(self, *command: str) -> list[str]:
        """Return a command that runs the given command on this host; killing the first kills the second too."""
        run = ["sh", "-c", 'hostname "$0"; exec "$@"', self.name, *command]
        return ["ip", "netns", "exec", self.name, "unshare", "--uts", *run]

    def pids(self) -> list[int]:
        """Return the ids of the processes that use this host's network."""
        found = subprocess.run(["ip", "netns", "pids", self.name], check=True, capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def cut_off(self) -> None:
        """Disconnect this host: what others send is lost, and they are not told."""
        _ip("link", "set", self.name, "down")

    def heal(self) -> None:
        """Connect this host again."""
        _ip("link", "set", self.name, "up")


@contextmanager
def network(*names: str) -> Iterator[list[Host]]:
    """Make hosts on one bridge, which this process reaches as well; remove all of it afterwards.

    Names and addresses carry this process's id, so that concurrent test runs do not collide.
    """
    mark = os.getpid() % 0xFFFF
    subnet, bridge = f"10.{200 + mark % 50}.{mark // 50 % 250}", f"br{mark:x}"
    hosts = [Host(f"{name}-{mark:x}", f"{subnet}.{number}") for number, name in enumerate(names, 2)]
    with ExitStack() as undo:
        _ip("link", "add", bridge, "type", "bridge")
        undo.callback(_ip, "link", "del", bridge)
        _ip("address", "add", f"{subnet}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for host in hosts:
            _plug_in(host, bridge, undo)
        yield hosts


@contextmanager
def names(hosts: Sequence[Host]) -> Iterator[None]:
    """Let the hosts know each other by name, and each itself as 127.0.1.1, as Debian does.

    `ip netns exec` shows each host its own /etc/hosts.
    """
    try:
        for host in hosts:
            known = [f"{'127.0.1.1' if each is host else each.address} {each.name}\n" for each in hosts]
            _hosts_folder(host).mkdir(parents=True)
            (_hosts_folder(host) / "hosts").write_text("".join(["127.0.0.1 localhost\n", *known]))
        yield
    finally:
        for host in hosts:
            shutil.rmtree(_hosts_folder(host), ignore_errors=True)


def _hosts_folder(host: Host) -> Path:
    return Path("/etc/netns") / host.name


def _plug_in(host: Host, bridge: str, undo: ExitStack) -> None:
    _ip("netns", "add", host.name)
    undo.callback(_ip, "netns", "del", host.name)
    _ip("link", "add", host.name, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    # The network lives on until its last process is gone, and the next test may give its hosts the same names.
    undo.callback(_ip, "link", "del", host.name)
    _ip("link", "set", host.name, "master", bridge, "up")
    for device, address in (("eth0", host.address), ("lo", None)):
        _ip("link", "set", device, "up", within=host)
        if address:
            _ip("address", "add", f"{address}/24", "dev", device, within=host)


def _ip(*arguments: str, within: Host | None = None) -> None:
    place: Sequence[str] = ["-n", within.name] if within else []
    subprocess.run(["ip", *place, *arguments], check=True, capture_output=True)


def can_make_networks() -> bool:
    """Whether this user may make network namespaces, and bridges between them."""
    if not shutil.which("ip"):
        return False
    try:
        with network("probe"):
            return True
    except subprocess.CalledProcessError:
        return False
