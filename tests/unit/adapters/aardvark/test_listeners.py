from __future__ import annotations

import socket
import sys
import threading
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from edgelet.adapters.aardvark import listeners
from tests.fixtures.network_namespace import needs_root, on_a_node

TABLE = """\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 4305: 01004D0A:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 9262429 2 0000000064b256e3 0
"""


@pytest.mark.parametrize(
    ("address", "port", "expected"), [("10.77.0.1", 53, True), ("10.77.0.1", 54, False), ("1.0.77.10", 53, False)]
)
def test_who_listens_is_read_from_the_kernels_table(tmp_path: Path, address: str, port: int, expected: bool) -> None:
    table = tmp_path / "udp"
    # The kernel prints the address as a number, so in the machine's own byte order.
    table.write_text(TABLE if sys.byteorder == "little" else TABLE.replace("01004D0A", "0A4D0001"))
    assert listeners.listens(IPv4Address(address), port, table=table) is expected


@needs_root
def test_a_socket_of_ones_own_is_seen_and_whether_it_takes_every_address() -> None:
    def body() -> None:
        assert not listeners.is_taken(53)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.bind(("127.0.0.1", 53))
            assert listeners.listens(IPv4Address("127.0.0.1"), 53)
            assert not listeners.is_taken(53)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as every:
            every.bind(("", 53))
            assert listeners.is_taken(53)
            assert not listeners.listens(IPv4Address("127.0.0.1"), 53)

    on_a_node(body)


def test_who_answers_is_told_from_who_only_has_the_port() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        assert not listeners.answers(IPv4Address("127.0.0.1"), port, "nobody.cluster.local")
        assert b"\x06nobody\x07cluster\x05local\x00" in server.recv(512)

        def say_something() -> None:
            message, client = server.recvfrom(512)
            server.sendto(message, client)

        worker = threading.Thread(target=say_something)
        worker.start()
        assert listeners.answers(IPv4Address("127.0.0.1"), port, "nobody.cluster.local")
        worker.join()
    assert not listeners.answers(IPv4Address("127.0.0.1"), port, "nobody.cluster.local"), "nobody is there"
