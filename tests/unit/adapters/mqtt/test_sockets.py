from __future__ import annotations

import socket

from edgelet.adapters.mqtt import sockets


def test_probes_of_tcp_come_after_the_ping_of_mqtt_so_an_idle_link_carries_one_of_them_only() -> None:
    with socket.socket() as sock:
        sockets.tune(sock, keepalive_s=180)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 185
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_the_longest_keepalive_of_the_settings_is_none_too_long_for_the_kernel() -> None:
    with socket.socket() as sock:
        sockets.tune(sock, keepalive_s=65535)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 32_767


def test_a_unix_socket_is_left_as_it_is() -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sockets.tune(sock, keepalive_s=180)
