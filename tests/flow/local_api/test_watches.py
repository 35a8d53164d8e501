"""Watches on a real socket: what is told, from which version on, and that nothing is kept for clients who left."""

from __future__ import annotations

import asyncio

from edgelet.ports.object_store import Key
from tests.flow.local_api.board import Board, curl, running
from tests.flow.local_api.client import connected, told, watching

PODS = "/api/v1/namespaces/default/pods"


async def test_a_watch_without_a_version_begins_with_what_is_there(board: Board) -> None:
    await board.put_pod("a")
    async with watching(board, f"{PODS}?watch=true") as client:
        assert told(await client.event()) == ("ADDED", "a")
        made = await board.put_pod("b")
        assert told(await client.event()) == ("ADDED", "b")
        await board.store.put_status(made.key, running(), uid=made.uid, durable=False)
        event = await client.event()
        assert told(event) == ("MODIFIED", "b")
        assert event["object"]["status"]["phase"] == "Running"
        await board.store.remove(made.key)
        assert told(await client.event()) == ("DELETED", "b")


async def test_a_watch_from_a_list_tells_what_happened_between(board: Board) -> None:
    await board.put_pod("stays")
    await board.put_pod("goes")
    listed = (await curl(board, PODS)).document["metadata"]["resourceVersion"]
    await board.store.remove(Key("Pod", "default", "goes"))
    await board.put_pod("comes")
    async with watching(board, f"{PODS}?watch=1&resourceVersion={listed}") as client:
        assert told(await client.event()) == ("DELETED", "goes")
        assert told(await client.event()) == ("ADDED", "comes")


async def test_a_watch_from_the_newest_version_tells_nothing_old(board: Board) -> None:
    await board.put_pod("old")
    version = board.store.resource_version
    async with watching(board, f"{PODS}?watch=1&resourceVersion={version}") as client:
        await board.put_pod("new")
        assert told(await client.event()) == ("ADDED", "new")


async def test_a_version_nobody_remembers_is_gone(board: Board) -> None:
    await board.put_pod("a")
    await board.put_pod("b")
    reply = await curl(board, f"{PODS}?watch=1&resourceVersion=1")
    assert (reply.code, reply.document["reason"]) == (410, "Expired")


async def test_a_selector_makes_objects_appear_and_vanish(board: Board) -> None:
    one = await board.put_pod("web", status={"phase": "Pending"})
    async with watching(board, f"{PODS}?watch=1&fieldSelector=status.phase%3DRunning") as client:
        await board.store.put_status(one.key, {"phase": "Running"}, uid=one.uid, durable=False)
        assert told(await client.event()) == ("ADDED", "web")
        await board.store.put_status(one.key, {"phase": "Failed"}, uid=one.uid, durable=False)
        assert told(await client.event()) == ("DELETED", "web")


async def test_another_namespace_is_not_told(board: Board) -> None:
    async with watching(board, f"{PODS}?watch=1") as client:
        await board.put_pod("elsewhere", "prod")
        await board.put_pod("here")
        assert told(await client.event()) == ("ADDED", "here")


async def test_one_object_is_watched_by_its_own_path(board: Board) -> None:
    await board.put_pod("a")
    async with watching(board, f"{PODS}/b?watch=true") as client:
        await board.put_pod("b")
        assert told(await client.event()) == ("ADDED", "b")


async def test_a_timeout_ends_a_watch_cleanly_and_the_connection_lives_on(board: Board) -> None:
    async with connected(board) as client:
        await client.send(f"GET {PODS}?watch=1&timeoutSeconds=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await client.head())[0] == 200
        async with asyncio.timeout(3):
            assert await client.reader.readexactly(5) == b"0\r\n\r\n"
        await client.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await client.response())[2] == b"ok"


async def test_initial_events_end_with_a_bookmark(board: Board) -> None:
    await board.put_pod("a")
    query = "watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with watching(board, f"{PODS}?{query}") as client:
        assert told(await client.event()) == ("ADDED", "a")
        event = await client.event()
        assert event["type"] == "BOOKMARK"
        assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_events_nodes_and_namespaces_are_watched_though_they_are_not_stored(board: Board) -> None:
    async with (
        watching(board, "/api/v1/events?watch=1") as events,
        watching(board, "/api/v1/nodes?watch=1") as nodes,
        watching(board, "/api/v1/namespaces?watch=1") as namespaces,
    ):
        assert told(await nodes.event()) == ("ADDED", "pi-01")
        assert told(await namespaces.event()) == ("ADDED", "default")
        board.events.add("web.1")
        board.node = {**board.node, "status": {"conditions": []}}
        await board.put_pod("p", "prod")
        assert told(await events.event()) == ("ADDED", "web.1")
        assert told(await nodes.event()) == ("MODIFIED", "pi-01")
        assert told(await namespaces.event()) == ("ADDED", "prod")
        await board.store.remove(Key("Pod", "prod", "p"))
        assert told(await namespaces.event()) == ("DELETED", "prod")


async def test_an_event_between_list_and_watch_is_not_lost(board: Board) -> None:
    board.events.add("old")
    version = (await curl(board, "/api/v1/events")).document["metadata"]["resourceVersion"]
    board.events.add("new")
    await curl(board, "/api/v1/events")
    async with watching(board, f"/api/v1/events?watch=1&resourceVersion={version}") as client:
        assert told(await client.event()) == ("ADDED", "new")


async def test_a_client_that_left_frees_its_watch(board: Board) -> None:
    async with watching(board, "/api/v1/events?watch=1"), watching(board, f"{PODS}?watch=1"):
        assert board.server.connections == 2
    for _ in range(200):  # the server says nothing when a client is gone
        if not board.server.connections:
            break
        await asyncio.sleep(0.01)
    assert (board.server.connections, board.events.watched, board.store._watches) == (0, 0, [])
