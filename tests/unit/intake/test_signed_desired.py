"""Each attack by name, on the real intake; any order of them: tests/hostile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edgelet.adapters.signing.signing_key import SigningKey
from edgelet.api import desired_index
from edgelet.api.desired_index import Index, Version
from edgelet.intake import refusal, trust_record
from edgelet.ports.object_store import Key
from tests.hostile import signer
from tests.hostile.board import NODE_KEY, Board, Clocks
from tests.hostile.signer import NODE, OTHER, Sent, digest

NOW = datetime(2026, 6, 1, tzinfo=UTC)
A, B, X = "pods/default/a", "pods/default/b", "configmaps/default/x"
KEY, NEXT = signer.key(1), signer.key(2)


@pytest.fixture
async def board(tmp_path: Path) -> AsyncIterator[Board]:
    board = Board(tmp_path / "edgelet.db", Clocks(NOW), {KEY.key_id: KEY.public})
    await board.start()
    yield board
    await board.stop()


def pod(name: str, image: str = "i:1", container: str = "main") -> bytes:
    spec = {"containers": [{"name": container, "image": image}]}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}).encode()


def index(
    generation: int,
    objects: Mapping[str, bytes],
    *,
    epoch: int = 1,
    days: int = 7,
    node: str = NODE,
    keys: dict[str, bytes] | None = None,
    by: SigningKey = KEY,
) -> Sent:
    digests = {path: digest(payload) for path, payload in objects.items()}
    value = Index(Version(epoch, generation), NOW, NOW + timedelta(days=days), digests, keys)
    return signer.signed(by, Sent(f"{node}desired/index", desired_index.encode(value), "application/json"))


def payload(path: str, data: bytes, *, node: str = NODE, by: SigningKey = KEY) -> Sent:
    return signer.signed(by, Sent(f"{node}desired/{path}", data, "application/json"))


async def tell(board: Board, *messages: Sent) -> list[int]:
    """Deliver; return the codes of what was refused meanwhile."""
    before = len(board.refused)
    for one in messages:
        board.wire.deliver(one)
        await board.settle()
    assert not board.wire.unacknowledged
    return [refusal.code(error) for _, error in board.refused[before:]]


async def test_a_generation_takes_effect_when_index_and_payloads_are_here_in_any_order(board: Board) -> None:
    assert await tell(board, payload(A, pod("a")), index(1, {A: pod("a"), X: _map(1)})) == []
    assert board.objects() == {}, "one payload is missing"
    assert await tell(board, payload(X, _map(1))) == []
    assert board.objects() == {A: digest(pod("a")), X: digest(_map(1))}


async def test_a_newer_object_waits_for_its_index_and_the_old_one_goes_on(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}), payload(A, pod("a")))
    assert await tell(board, payload(A, pod("a", "i:2"))) == []
    assert board.objects() == {A: digest(pod("a"))}
    await tell(board, index(2, {A: pod("a", "i:2")}))
    assert board.objects() == {A: digest(pod("a", "i:2"))}


async def test_no_mixture_of_two_generations_runs(board: Board) -> None:
    one, two = {A: pod("a", "i:1"), B: pod("b", "i:1")}, {A: pod("a", "i:2"), B: pod("b", "i:2")}
    await tell(board, index(1, one), *(payload(path, data) for path, data in one.items()))
    await tell(board, index(2, two), payload(A, two[A]))
    assert board.objects() == {path: digest(data) for path, data in one.items()}
    looking = asyncio.create_task(board.signed.run())
    while "IndexWaits" not in board.events.reasons():
        await asyncio.sleep(0.001)
    looking.cancel()
    await tell(board, payload(B, two[B]))
    assert board.objects() == {path: digest(data) for path, data in two.items()}


async def test_rollback_is_refused_also_after_a_kill(board: Board) -> None:
    old = index(1, {A: pod("a")})
    await tell(board, old, payload(A, pod("a")), index(2, {}))
    assert await tell(board, old, payload(A, pod("a"))) == [409]
    await board.stop()
    await board.start()
    assert await tell(board, old, payload(A, pod("a"))) == [409]
    assert board.objects() == {}


async def test_the_same_version_with_other_objects_is_refused(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}), payload(A, pod("a")))
    assert await tell(board, index(1, {})) == [409]
    assert board.objects() == {A: digest(pod("a"))}


async def test_an_epoch_begins_anew_and_is_never_left(board: Board) -> None:
    await tell(board, index(9, {A: pod("a")}), payload(A, pod("a")), index(0, {}, epoch=2))
    assert board.objects() == {}
    assert await tell(board, index(10, {A: pod("a")})) == [409]


async def test_what_was_held_back_until_it_expired_is_refused(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}), payload(A, pod("a")))
    board.clocks.wall = NOW + timedelta(days=2)
    assert await tell(board, index(2, {}, days=1)) == [410]
    assert board.objects() == {A: digest(pod("a"))}


async def test_an_index_that_expires_before_its_last_payload_comes_does_not_take_effect(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}, days=1))
    board.clocks.wall = NOW + timedelta(days=1)
    await tell(board, payload(A, pod("a")))
    assert board.objects() == {}


async def test_after_expiry_what_ran_goes_on_nothing_begins_and_it_is_told(board: Board) -> None:
    both = {A: pod("a"), B: pod("b")}
    await tell(board, index(1, both, days=1), *(payload(path, data) for path, data in both.items()))
    a, b = (board.store.get(Key("Pod", "default", name)) for name in "ab")
    assert a is not None
    assert b is not None
    assert board.signed.may_begin(a)
    a = await board.store.put_status(a.key, {"phase": "Running", "podIP": "10.0.0.2"}, uid=a.uid, durable=True)
    assert a is not None
    board.clocks.wall = NOW + timedelta(days=1)
    assert board.signed.may_begin(a)
    assert not board.signed.may_begin(b)
    await tell(board, Sent(f"{NODE}desired/{A}", b""), payload(A, pod("a")))
    assert board.signed.stale.startswith("index 1.1 expired")
    stale = [one.regarding for one in board.events.recorded if one.reason == "Stale" and "expired" in one.message]
    assert stale == [b.key, NODE_KEY]
    await tell(board, index(2, both, days=9))
    assert board.signed.may_begin(b)
    assert board.signed.stale == ""


async def test_while_the_time_is_not_known_nothing_expires(board: Board) -> None:
    board.clocks.is_known = False
    board.clocks.wall = NOW + timedelta(days=4000)
    assert await tell(board, index(1, {A: pod("a")}, days=1), payload(A, pod("a"))) == []
    assert board.objects() == {A: digest(pod("a"))}


@pytest.mark.parametrize("in_envelope", [False, True])
async def test_what_is_signed_for_another_node_is_refused(board: Board, *, in_envelope: bool) -> None:
    foreign = [index(1, {A: pod("a")}, node=OTHER), payload(A, pod("a"), node=OTHER)]
    if in_envelope:
        foreign = [signer.enveloped(one, KEY) for one in foreign]
    copied = [replace(one, topic=one.topic.replace(OTHER, NODE)) for one in foreign]
    assert await tell(board, *copied) == [403 if in_envelope else 401] * 2
    assert board.objects() == {}


async def test_a_payload_on_another_objects_topic_is_refused(board: Board) -> None:
    assert await tell(board, replace(payload(A, pod("a")), topic=f"{NODE}desired/{B}")) == [401]


async def test_an_object_signed_under_a_topic_that_is_not_its_own_is_refused_alone(board: Board) -> None:
    odd = {A: pod("b"), B: pod("b")}
    assert await tell(board, index(1, odd), *(payload(path, data) for path, data in odd.items())) == [422]
    assert board.objects() == {B: digest(pod("b"))}


async def test_unsigned_and_empty_messages_change_nothing(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}), payload(A, pod("a")))
    empty = [Sent(f"{NODE}desired/{one}", b"") for one in (A, "index", "no/such/thing")]
    assert await tell(board, *empty) == []
    assert await tell(board, Sent(f"{NODE}desired/{A}", pod("a", "evil"))) == [401]
    assert await tell(board, Sent(f"{NODE}desired/{B}", b": { not yaml")) == [401]
    assert board.objects() == {A: digest(pod("a"))}
    assert "Refused" in board.events.reasons()


async def test_what_leaves_the_index_is_deleted_and_nothing_else(board: Board) -> None:
    local = board.reception.read(pod("local"))[0]
    await board.reception.apply(local, source="file", strict=False)
    await tell(board, index(1, {A: pod("a"), X: _map(1)}), payload(A, pod("a")), payload(X, _map(1)))
    await tell(board, index(2, {}))
    left = board.store.get(Key("Pod", "default", "local"))
    gone = board.store.get(Key("Pod", "default", "a"))
    assert left is not None
    assert not left.deleting
    assert gone is not None
    assert gone.deleting
    assert board.store.get(Key("ConfigMap", "default", "x")) is None


async def test_a_wrong_object_is_refused_and_blocks_neither_this_nor_the_next_generation(board: Board) -> None:
    first = {A: pod("a"), B: pod("b", container="NotAName"), "deployments/default/d": b"{}"}
    assert await tell(board, index(1, first), *(payload(path, data) for path, data in first.items())) == [422, 405, 405]
    second = {**first, A: pod("a", "i:2")}
    assert await tell(board, index(2, second), payload(A, second[A])) == [405]
    assert board.objects() == {A: digest(second[A])}


@pytest.mark.parametrize("writes", range(10))
async def test_a_kill_at_any_write_leaves_the_old_generation_or_the_new_one(board: Board, writes: int) -> None:
    one, two = {A: pod("a", "i:1"), X: _map(1)}, {A: pod("a", "i:2"), B: pod("b")}
    await tell(board, index(1, one), *(payload(path, data) for path, data in one.items()))
    board.die_after(writes)
    for message in (index(2, two), *(payload(path, data) for path, data in two.items())):
        board.wire.deliver(message)
        await board.settle()
    await board.stop()
    await board.start()  # and the broker says nothing any more
    await board.settle()
    states = [{path: digest(data) for path, data in state.items()} for state in (one, two)]
    assert board.objects() in states


async def test_a_disk_that_refuses_for_a_while_delays_a_generation_and_mixes_none(board: Board) -> None:
    one, two = {A: pod("a", "i:1"), B: pod("b", "i:1")}, {A: pod("a", "i:2"), B: pod("b", "i:2")}
    for number in range(8):
        board.refuse_writes(2, after=number)
        state = one if number % 2 else two
        await tell(board, index(number + 1, state), *(payload(path, data) for path, data in state.items()))
        await board.end_pods()
        await board.settle()
        assert board.objects() == {path: digest(data) for path, data in state.items()}


async def test_a_key_rolls_over_and_the_old_one_is_believed_no_more(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}), payload(A, pod("a")))
    assert await tell(board, index(2, {A: pod("a")}, by=NEXT)) == [401]
    await tell(board, index(2, {A: pod("a")}, keys={NEXT.key_id: NEXT.public}))
    assert await tell(board, index(3, {})) == [401]
    await board.stop()
    await board.start()
    assert await tell(board, index(3, {})) == [401]
    assert await tell(board, payload(A, pod("a"))) == [], "an old signature on what rules anyway is no fault"
    await tell(board, index(3, {B: pod("b")}, by=NEXT), payload(B, pod("b"), by=NEXT))
    assert board.objects() == {B: digest(pod("b"))}


async def test_new_keys_count_only_once_their_generation_does(board: Board) -> None:
    await tell(board, index(1, {A: pod("a")}, keys={NEXT.key_id: NEXT.public}))
    assert await tell(board, index(2, {}, by=NEXT)) == [401]


async def test_objects_of_a_time_without_signatures_run_until_the_first_index_rules(board: Board) -> None:
    for name in "ab":
        document = board.reception.read(pod(name))[0]
        await board.reception.apply(document, source="mqtt", digest=digest(pod(name)), strict=False)
    assert sorted(board.objects()) == [A, B]
    b = board.store.get(Key("Pod", "default", "b"))
    assert b is not None
    assert not board.signed.may_begin(b)
    before = board.store.get(Key("Pod", "default", "a"))
    await tell(board, index(1, {A: pod("a")}))
    assert board.objects() == {A: digest(pod("a"))}
    assert board.store.get(Key("Pod", "default", "a")) == before, "the same payload restarts nothing"


async def test_after_a_time_without_signatures_the_last_index_rules_when_it_comes_again(board: Board) -> None:
    newest = index(2, {A: pod("a")})
    await tell(board, index(1, {}), newest, payload(A, pod("a")))
    record = trust_record.lapsed(board.signed.record)
    await board.store.ledger.write(trust_record.FACT, trust_record.encode(record))
    document = board.reception.read(pod("b"))[0]
    await board.reception.apply(document, source="mqtt", digest=digest(pod("b")), strict=False)
    await board.stop()
    await board.start()
    await board.settle()
    assert sorted(board.objects()) == [A, B]
    assert await tell(board, index(1, {}), newest) == [409]
    assert board.objects() == {A: digest(pod("a"))}


async def test_commands_are_refused_before_anybody_looks_at_them(board: Board) -> None:
    def command(nonce: str, life_s: int = 60) -> Sent:
        expires = (NOW + timedelta(seconds=life_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Sent(f"{NODE}cmd/restart/1", json.dumps({"nonce": nonce, "expires": expires}).encode())

    good = signer.signed(KEY, command("0" * 32))
    elsewhere = replace(signer.enveloped(command("0" * 32), KEY), topic=f"{NODE}cmd/drain/1")
    assert await tell(board, command("0" * 32), Sent(good.topic, b""), elsewhere) == [401, 401, 403]
    late = signer.signed(KEY, command("1" * 32, life_s=-1))
    assert await tell(board, good, good, late) == [405, 409, 410]  # no verb is there yet


async def test_a_message_that_trips_the_judge_is_refused_and_the_next_is_heard(board: Board) -> None:
    half = Sent(f"{NODE}desired/{A}", pod("a"), "\ud800", {"sig": "A" * 86 + "==", "keyid": KEY.key_id})
    assert await tell(board, half) == [500]
    assert await tell(board, index(1, {A: pod("a")}), payload(A, pod("a"))) == []
    assert list(board.objects()) == [A]


async def test_what_no_index_names_is_not_written(board: Board) -> None:
    version = board.store.resource_version
    for number in range(20):
        await tell(board, payload(A, pod("a", f"i:{number}")))
    assert board.store.resource_version == version


def _map(number: int) -> bytes:
    data = {"n": str(number)}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": data}).encode()
