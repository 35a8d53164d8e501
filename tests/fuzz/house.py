"""The door to a store in memory, as the agent wires it."""

from __future__ import annotations

from typing import Any

from edgelet.api.errors import EdgeletError, ForbiddenError
from edgelet.intake import refusal
from edgelet.intake.admission import judge
from edgelet.intake.admit import House
from edgelet.intake.reception import Reception
from edgelet.intake.successors import Successors
from edgelet.ports.object_store import Document
from edgelet.ports.sealing import Opener
from tests import builders
from tests.fakes.object_store import FakeObjectStore
from tests.fuzz import plain_json
from tests.fuzz.stepping import settled
from tests.fuzz.still_clock import StillClock

NODE = "board"
MAX_OBJECT_BYTES = 128 * 1024  # as the settings have it
STRICT = builders.policy(
    """
    images = ["registry.example/team/"]
    digests_only = true
    capabilities = ["NET_ADMIN"]
    host_ports = [80]
    host_paths = [{path = "/srv", read_only = true}]
    devices = ["/dev/tty*"]
    max_container = {cpu = "1", memory = "64Mi"}
    max_pod = {cpu = "2", memory = "128Mi"}
    """,
    profile="restricted",
).ruling
MAX_DOCUMENTS = 16  # of one input: more are more of the same


class Door:
    """A reception, and the store behind it."""

    def __init__(self, opener: Opener | None = None) -> None:
        self.store = FakeObjectStore()
        self.reception = Reception(
            store=self.store,
            successors=Successors(self.store, StillClock()),
            house=House(node_name=NODE, policy=builders.policy()),
            max_object_bytes=MAX_OBJECT_BYTES,
            make_suffix=lambda: "abcde",
            opener=opener,
        )

    def read(self, payload: bytes) -> tuple[Document, ...]:
        """Return the objects of a payload, none if it was refused."""
        try:
            return self.reception.read(payload)[:MAX_DOCUMENTS]
        except EdgeletError as error:
            check_refusal(error)
            return ()

    def apply(self, document: Document, *, source: str) -> Any:
        """Return what became of an object, None if it was refused."""
        try:
            accepted = settled(self.reception.apply(document, source=source))
        except EdgeletError as error:
            check_refusal(error)
            return None
        stored = accepted.object
        if stored.key.kind == "Pod":
            _hold_against_a_strict_policy(stored.document, source)
        return accepted


def _hold_against_a_strict_policy(document: Document, source: str) -> None:
    """Whatever is in a pod, the policy has an answer that can be told."""
    try:
        judge.check(document, STRICT, source=source)
    except ForbiddenError as error:
        assert error.faults
        assert all(fault.path for fault in error.faults)
        check_refusal(error)


def check_refusal(error: EdgeletError) -> None:
    """A refusal can be told: a code of HTTP, and a Status that is JSON."""
    code, status = refusal.answer(error)
    assert 400 <= code < 600
    plain_json.check(status)
