"""Every identity against every topic, on the brokers as `edgelet ca mosquitto` sets them up.

What is right stands in `_writes` and `_reads` below, written from the table of docs/PROTOCOL.md and not from the list.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from edgelet.ca import revocation_lists
from tests.fixtures.certificates import Pair
from tests.fixtures.trust import Trust

pytestmark = pytest.mark.mosquitto

WAIT_S = 60.0
ROOT = "edgelet/v1"
NODES = ("one/a", "one/b", "two/c", "one/lost")
JOINERS = ("7d1e", "c0de")
BELOW_A_NODE = (
    *("desired/index", "desired/pods/default/web", "desired/node/config", "desired"),
    *("status/online", "status/node", "status/pods/default/web", "events/default/e"),
    *("telemetry/node", "telemetry/pods", "cmd/exec/1", "cmdstatus/exec/1", "stream/1/in", "stream/1/out"),
    *("cert/csr/1", "cert/issued/1", "cert/issued/ca", "sync", "other"),
)
ODD = (
    *("edgelet", ROOT, f"{ROOT}/one", f"{ROOT}/two", "x", "edgelet/v2/one/a/status/node", "$SYS/x"),
    *(f"{ROOT}/bootstrap/status/x", f"{ROOT}/_registrar/main/status/x", f"{ROOT}/_registrar/main/sync"),
    *(
        f"{ROOT}/_join/second/status/x",
        f"{ROOT}/_join/second/sync",
        f"{ROOT}/one/_ctl/status/x",
        f"{ROOT}/one/_ctl/sync",
        f"{ROOT}/one/_ctl/cmd/x/1",
    ),
    *(f"{ROOT}/_bootstrap/one/a/csr", f"{ROOT}/_bootstrap/one/a/cert", f"{ROOT}/_bootstrap/x"),
)
TOPICS = (
    *(f"{ROOT}/{node}/{below}" for node in NODES for below in BELOW_A_NODE),
    *(f"{ROOT}/_bootstrap/{client_id}/{what}" for client_id in (*JOINERS, "nobody") for what in ("csr", "cert")),
    *ODD,
)
END = "end"  # payload of what is published last: all that came before it is there then


@dataclass(eq=False)
class Who:
    """One connected identity, subscribed to everything, and what reached it."""

    name: str
    role: str
    client: mqtt.Client
    got: set[tuple[str, str]] = field(default_factory=set)  # topic, who wrote it
    retained: set[str] = field(default_factory=set)
    ends: int = 0
    lost: bool = False
    _codes: dict[int, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def connect(self, port: int) -> None:
        subscribed = threading.Event()
        self.client.on_message = self._on_message
        self.client.on_publish = self._on_publish
        self.client.on_disconnect = self._on_disconnect
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.on_connect = lambda client, *_: client.subscribe([("#", 1), ("$SYS/x", 1)])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert subscribed.wait(WAIT_S), self.name

    def publish(self, topic: str, payload: str, *, retain: bool = False) -> int:
        """The reason code of the PUBACK: 0 and 16 are yes, 135 is no."""
        sent = self.client.publish(topic, payload, qos=1, retain=retain)
        with self._changed:
            assert self._changed.wait_for(lambda: sent.mid in self._codes or self.lost, WAIT_S), (self.name, topic)
            assert not self.lost, f"{self.name} lost its connection at {topic}"
            return self._codes[sent.mid]

    def until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), f"{self.name}: {sorted(self.got)}"

    def subscribe_again(self) -> None:
        with self._changed:
            self.ends = 0
        self.client.subscribe("#", 1)

    def _on_message(self, _client: Any, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            if message.payload.decode() == END:
                self.ends += 1
            elif message.retain:
                self.retained.add(message.topic)
            else:
                self.got.add((message.topic, message.payload.decode()))
            self._changed.notify_all()

    def _on_publish(self, _client: Any, _data: object, mid: int, code: Any, _properties: object) -> None:
        with self._changed:
            self._codes[mid] = code.value
            self._changed.notify_all()

    def _on_disconnect(self, *_: object) -> None:
        with self._changed:
            self.lost = True
            self._changed.notify_all()


def _writes(who: Who, topic: str) -> bool:
    """Whether this identity may write that topic."""
    path = topic.removeprefix(f"{ROOT}/") if topic.startswith(f"{ROOT}/") else ""
    if who.role == "node":
        own = r"(status(/.*)?|events(/.*)?|telemetry(/.*)?|cmdstatus(/.*)?|stream/[^/]+/out|cert/csr(/.*)?|sync)"
        return re.fullmatch(re.escape(who.name) + "/" + own, path) is not None
    if who.role == "controller":
        steered = r"one/(?!_ctl/)[^/]+/(desired(/.*)?|cmd(/.*)?|stream/[^/]+/in|status(/.*)?)"
        return re.fullmatch(steered, path) is not None
    if who.role == "registrar":
        return (
            re.fullmatch(r"(_bootstrap/[^/]+/(csr|cert)|(?!_registrar/)[^/]+/[^/]+/cert/issued(/.*)?)", path)
            is not None
        )
    if who.role == "bridge":
        return re.fullmatch(r"_bootstrap/[^/]+/csr", path) is not None
    if who.role == "joiner":
        return path == f"_bootstrap/{who.name}/csr"
    return False  # the one that was revoked


def _reads(who: Who, topic: str) -> bool:
    """Whether this identity may see what is published there."""
    path = topic.removeprefix(f"{ROOT}/") if topic.startswith(f"{ROOT}/") else ""
    if who.role == "node":
        own = r"(desired(/.*)?|cmd(/.*)?|stream/[^/]+/in|cert/issued(/.*)?|sync|status(/.*)?)"
        return re.fullmatch(re.escape(who.name) + "/" + own, path) is not None
    if who.role == "controller":
        return re.fullmatch(r"one(/(?!_ctl(/|$)).*)?", path) is not None and not re.fullmatch(
            r"one/[^/]+/cert(/.*)?", path
        )
    if who.role == "registrar":
        return re.fullmatch(r"(_bootstrap/[^/]+/csr|(?!_registrar/)[^/]+/[^/]+/cert/csr(/.*)?)", path) is not None
    if who.role == "bridge":
        return re.fullmatch(r"_bootstrap/[^/]+/cert", path) is not None
    if who.role == "joiner":
        return path == f"_bootstrap/{who.name}/cert"
    return False


def _crosses(writer: Who, reader: Who, topic: str) -> bool:
    """Whether a message gets from one broker to the other."""
    if (writer.role == "joiner") == (reader.role == "joiner"):
        return True
    way = "csr" if writer.role == "joiner" else "cert"
    return re.fullmatch(rf"{ROOT}/_bootstrap/[^/]+/{way}", topic) is not None


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trust]:
    with Trust(tmp_path_factory.mktemp("trust")) as running:
        yield running


@pytest.fixture(scope="module")
def everybody(trust: Trust) -> Iterator[dict[str, Who]]:
    roles = dict.fromkeys(NODES, "node") | {
        "one/_ctl": "controller",
        "_registrar/main": "registrar",
        "_join/second": "bridge",  # the bridge itself is busy; this is one of its kind
    }
    pairs = {name: trust.pair(name) for name in roles}
    trust.update()
    found = {name: Who(name, role, trust.client(pairs[name])) for name, role in roles.items()}
    for who in found.values():
        who.connect(trust.port)
    for name in JOINERS:
        found[name] = Who(name, "joiner", trust.client(client_id=name, joins=True))
        found[name].connect(trust.join_port)
    # Revoked while it is connected: the revocation list does not touch its connection, the access list does.
    revocation_lists.revoke(trust.authority, "one/lost", "keyCompromise")
    trust.update()
    found["one/lost"].role = "revoked"
    yield found
    for who in found.values():
        who.client.disconnect()
        who.client.loop_stop()


def test_nothing_leaks_and_nothing_is_writable_beyond_its_tree(everybody: dict[str, Who]) -> None:
    wrong, tried, retained = [], 0, set()
    for who in everybody.values():
        for topic in TOPICS:
            # The joiners' broker keeps nothing and ends whoever asks for it: the bridge too, so no answer is retained.
            keep = who.role != "joiner" and not re.fullmatch(rf"{ROOT}/_bootstrap/[^/]+/cert", topic)
            allowed = who.publish(topic, who.name, retain=keep) in {0, 16}
            tried += 1
            if allowed != _writes(who, topic):
                wrong.append(f"{who.name} {'may' if allowed else 'may not'} write {topic}")
            if allowed and keep:
                retained.add(topic)
    assert wrong == []
    assert tried == len(everybody) * len(TOPICS)
    _drain(everybody)
    for reader in everybody.values():
        expected = {
            (topic, writer.name)
            for writer in everybody.values()
            for topic in TOPICS
            if _writes(writer, topic) and _reads(reader, topic) and _crosses(writer, reader, topic)
        }
        reader.until(lambda reader=reader, expected=expected: expected <= reader.got)  # type: ignore[misc] # bound now
        assert reader.got == expected, reader.name
    _see_what_was_kept(everybody, retained)


def _see_what_was_kept(everybody: dict[str, Who], retained: set[str]) -> None:
    """Who subscribes later gets of the retained messages what he may read."""
    there = [who for who in everybody.values() if who.role != "joiner"]
    for reader in there:
        reader.subscribe_again()
    for reader in there:
        expected = {topic for topic in retained if _reads(reader, topic)}
        reader.until(lambda reader=reader, expected=expected: expected <= reader.retained)  # type: ignore[misc] # bound now
    _drain(everybody)
    for reader in there:
        assert reader.retained == {topic for topic in retained if _reads(reader, topic)}, reader.name


def _drain(everybody: dict[str, Who]) -> None:
    """Have everybody get one more message, behind all others."""
    last = {
        "one/a": f"{ROOT}/one/a/sync",
        "one/b": f"{ROOT}/one/b/sync",
        "two/c": f"{ROOT}/two/c/sync",
        "one/_ctl": f"{ROOT}/one/a/desired/end",
        "_registrar/main": f"{ROOT}/_bootstrap/end/csr",
    }
    for name, topic in last.items():
        everybody[name].publish(topic, END)
        everybody[name].until(lambda who=everybody[name]: who.ends > 0)  # type: ignore[misc] # bound now
    for name in (*JOINERS, "end"):
        everybody["_registrar/main"].publish(f"{ROOT}/_bootstrap/{name}/cert", END)
    for name in (*JOINERS, "_join/second"):
        everybody[name].until(lambda who=everybody[name]: who.ends > 0)  # type: ignore[misc] # bound now
    assert everybody["one/lost"].ends == 0


def test_a_client_id_cannot_be_taken(trust: Trust, everybody: dict[str, Who]) -> None:
    victims = [who for who in everybody.values() if who.role in {"node", "controller", "registrar"}]
    thief = trust.pair("two/thief")
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for victim in victims:
        for joins in (False, True):
            client = trust.client(None if joins else thief, client_id=victim.name, joins=joins)
            with_session = _connect_once(client, trust.join_port if joins else trust.port)
            if with_session:
                taken[victim.name].append("join" if joins else "field")
    for bridge in ("_join/main", "local._join/main", "edgelet-join"):
        _connect_once(trust.client(client_id=bridge, joins=True), trust.join_port)
    assert not taken
    for victim in victims:
        topic = f"{ROOT}/{victim.name}/sync" if victim.role == "node" else f"{ROOT}/one/a/desired/x"
        topic = f"{ROOT}/_bootstrap/x/csr" if victim.role == "registrar" else topic
        assert victim.publish(topic, "still here") in {0, 16}
    assert not any(victim.lost for victim in victims)
    assert trust.log().count("as _join/main ") == 1  # the bridge was not thrown out either


def test_a_revoked_certificate_does_not_connect_again(trust: Trust, everybody: dict[str, Who]) -> None:
    assert "one/lost" in everybody
    pair = next(trust.directory.glob("one+lost-*.crt"))
    client = trust.client(Pair(pair, pair.with_suffix(".key")))
    refused, accepted = threading.Event(), threading.Event()
    client.on_connect = lambda *_: accepted.set()
    client.on_disconnect = lambda *_: refused.set()
    try:
        client.connect("127.0.0.1", trust.port)
    except OSError:
        return
    client.loop_start()
    assert refused.wait(WAIT_S)
    assert not accepted.is_set()
    client.loop_stop()


def test_a_board_that_joined_anew_after_a_revocation_is_heard(trust: Trust, everybody: dict[str, Who]) -> None:
    pair = trust.pair("one/lost", reason="a second life")
    trust.update()
    assert "user one/lost" not in (trust.brokers / "acl").read_text()
    again = Who("one/lost", "node", trust.client(pair))
    again.connect(trust.port)
    assert again.publish(f"{ROOT}/one/lost/status/node", "x") in {0, 16}
    before = everybody["one/lost"]
    before.until(lambda: before.lost)  # the connection of the one before was taken over
    again.client.disconnect()
    again.client.loop_stop()


def _connect_once(client: mqtt.Client, port: int) -> bool:
    """Whether the broker gave it somebody's session."""
    answer: list[bool] = []
    done = threading.Event()

    def on_connect(_client: Any, _data: object, flags: Any, *_: object) -> None:
        answer.append(flags.session_present)
        done.set()

    client.on_connect = on_connect
    client.connect("127.0.0.1", port, clean_start=False)
    client.loop_start()
    assert done.wait(WAIT_S)
    client.disconnect()
    client.loop_stop()
    return answer[0]
