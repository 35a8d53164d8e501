r"""A message of the broker, `topic\npayload`: the object its topic names is in the store, or the topic is refused."""

from __future__ import annotations

from edgelet.api.errors import EdgeletError
from edgelet.intake import refusal
from edgelet.intake.mqtt_source import Listeners, MqttSource
from edgelet.node import failure
from edgelet.ports.bus import Message
from edgelet.ports.object_store import Key
from tests.fakes.bus import FakeBus
from tests.fakes.events import FakeEvents
from tests.fuzz import house, plain_json
from tests.fuzz.house import Door
from tests.fuzz.stepping import settled
from tests.fuzz.still_clock import StillClock

_LONGEST_TOLD = 64 * 1024


def try_input(data: bytes) -> None:
    """One message, said twice, and taken back."""
    topic, _, payload = data.partition(b"\n")
    name = topic.decode("utf-8", "replace").replace("\0", "")  # a broker takes no other topics
    if not name.startswith("desired/"):
        name = f"desired/{name}"
    door, told = Door(), _Told()
    source = MqttSource(
        FakeBus(),
        reception=door.reception,
        store=door.store,
        listeners=Listeners(
            refused=told.refused,
            accepted=told.accepted,
            forward=lambda _: True,
            events=FakeEvents(),
            node=Key("Node", "", house.NODE),
        ),
        clock=StillClock(),
    )
    for body in (payload, payload, b""):
        settled(source._take_in(Message(name, body, qos=1, retained=True, connection=1, packet_id=1)))
    assert not told.was_internal, "a payload tripped the code that takes it in"
    assert all(one.deleting for kind in ("Pod", "Namespace") for one in door.store.list(kind))
    assert not door.store.list("ConfigMap")
    assert not door.store.list("Secret")


class _Told:
    """Hears what is refused."""

    def __init__(self) -> None:
        self.was_internal = False

    def refused(self, topic: str, error: EdgeletError) -> None:
        """Take note; it must fit into a message of its own."""
        del topic
        self.was_internal |= error.reason == "InternalError"
        house.check_refusal(error)
        short = failure.shortened(refusal.answer(error)[1])
        plain_json.check(short)
        assert len(str(short)) < _LONGEST_TOLD

    def accepted(self, topic: str) -> None:
        """Take note of nothing."""
