from __future__ import annotations

from bench.wire import Traffic, parse

_TEXT = (
    '0 0 127.0.0.1:41234 127.0.0.1:1883 users:(("python",pid=7,fd=9)) timer:(keepalive,14sec,0)\n'
    "\t cubic wscale:7,7 rto:201 bytes_sent:1000 bytes_acked:1001 bytes_received:200 segs_out:10 segs_in:5\n"
    '0 0 127.0.0.1:41236 127.0.0.1:1883 users:(("mosquitto_sub",pid=8,fd=3))\n'
    "\t cubic wscale:7,7 bytes_acked:77 bytes_received:9000 segs_out:50 segs_in:60\n"
)


def test_only_the_agents_socket_counts_and_headers_count_too() -> None:
    assert parse(_TEXT) == Traffic(sent_bytes=1001 + 10 * 52, received_bytes=200 + 5 * 52)


def test_a_socket_that_said_nothing_yet_has_no_counters() -> None:
    assert parse('0 0 127.0.0.1:1 127.0.0.1:2 users:(("python",pid=7,fd=9))\n\t cubic segs_out:1\n') == Traffic(52, 0)
