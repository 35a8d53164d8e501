"""`ca mosquitto`: everything that mosquitto needs, brought up to date."""

from __future__ import annotations

from pathlib import Path

from edgelet.ca.mosquitto import directory
from edgelet.ca.mosquitto.settings import Places
from edgelet.cli.ca import place, words
from edgelet.cli.failure import CliError
from edgelet.cli.verb import Call

_MOST_PORT = 65535


def run(call: Call) -> int:
    """Write what is not as it should be, and say which broker has to hear of it."""
    out = words.out(call)
    given = call.parsed.text("at")
    places = Places(
        at=Path(given) if given else out,
        store=Path(call.parsed.text("store")),
        prefix=words.prefix(call),
        port=_port(call, "port"),
        join_port=_port(call, "join-port"),
        bind=call.parsed.text("bind"),
        bridge_host=call.parsed.text("bind") or "127.0.0.1",
    )
    with place.opened_for_writing(call) as authority:
        hosts = (*call.arguments[1:], *([places.bind] if places.bind else []))
        done = directory.prepare(authority, out, places, hosts=hosts, group=call.parsed.text("group"))
    print(f"{out}: {' '.join(done.changed)} written" if done.changed else f"{out}: nothing to change")
    if done.restart_field:
        print("Start anew: the broker for boards, systemctl restart edgelet-broker@mosquitto")
    elif done.reload:
        print("Reload: the broker for boards, systemctl reload edgelet-broker@mosquitto")
    if done.restart_join:
        print("Start anew: the broker for joining, systemctl restart edgelet-broker@join")
    return 0


def _port(call: Call, flag: str) -> int:
    port = call.parsed.integer(flag)
    if not 1 <= port <= _MOST_PORT:
        raise CliError(f"--{flag} must be in 1..{_MOST_PORT}")
    return port
