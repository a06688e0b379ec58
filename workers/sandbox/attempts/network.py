"""Attempts to reach anything outside this process through a socket."""

from __future__ import annotations

import socket
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_VSOCK, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM

from workers.sandbox.attempts import Table

DENIED: Table = {
    "connect_over_tcp": lambda at: socket.create_connection(("127.0.0.1", int(at["tcp_port"])), 2),
    "connect_over_tcp6": lambda _: socket.socket(AF_INET6, SOCK_STREAM),
    "listen_over_tcp": lambda _: socket.create_server(("127.0.0.1", 0)),
    "send_over_udp": lambda at: socket.socket(AF_INET, SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(at["udp_port"]))),
    "connect_to_a_unix_socket": lambda at: socket.socket(AF_UNIX).connect(at["unix_socket"]),
    "connect_to_an_abstract_unix_socket": lambda at: socket.socket(AF_UNIX).connect("\0" + at["abstract_socket"]),
    "pair_sockets": lambda _: socket.socketpair(),
    "open_a_netlink_socket": lambda _: socket.socket(AF_NETLINK, SOCK_RAW, 0),
    "open_a_raw_socket": lambda _: socket.socket(AF_INET, SOCK_RAW, socket.IPPROTO_ICMP),
    "open_a_packet_socket": lambda _: socket.socket(AF_PACKET, SOCK_RAW, 0),
    "open_a_vsock": lambda _: socket.socket(AF_VSOCK, SOCK_STREAM),
}
