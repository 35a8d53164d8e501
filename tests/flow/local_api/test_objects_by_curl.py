"""What any HTTP client sees: paths, verbs, codes, Status objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edgelet.ports.object_store import Key
from tests.flow.local_api.board import Board, curl, pod

PODS = "/api/v1/namespaces/default/pods"


def body(document: Any, content_type: str = "application/json") -> tuple[str, ...]:
    return ("-H", f"Content-Type: {content_type}", "-d", json.dumps(document))


async def test_a_pod_that_was_posted_is_found_alone_and_in_lists(board: Board) -> None:
    made = await curl(board, PODS, *body(pod("web")))
    one = await curl(board, f"{PODS}/web")
    listed = await curl(board, "/api/v1/pods")
    assert (made.code, one.code, listed.code) == (201, 200, 200)
    assert made.header("content-type") == "application/json"
    assert one.document["metadata"]["uid"] == made.document["metadata"]["uid"]
    assert listed.document["kind"] == "PodList"
    assert listed.document["metadata"]["resourceVersion"] == str(board.store.resource_version)
    assert [item["metadata"]["name"] for item in listed.document["items"]] == ["web"]
    assert listed.document["items"][0]["kind"] == "Pod"


async def test_yaml_is_taken_too_and_the_namespace_of_the_path_is_the_default(board: Board) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n"
    made = await curl(
        board, "/api/v1/namespaces/prod/configmaps", "-H", "Content-Type: application/yaml", "--data-binary", text
    )
    assert made.code == 201
    assert board.store.get(Key("ConfigMap", "prod", "c")) is not None


async def test_what_is_not_there_is_said_in_kubernetes_words(board: Board) -> None:
    reply = await curl(board, f"{PODS}/nope")
    assert reply.code == 404
    assert reply.document == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'pods "nope" not found',
        "reason": "NotFound",
        "details": {"name": "nope", "kind": "pods"},
        "code": 404,
    }


@pytest.mark.parametrize(
    ("path", "arguments", "code", "reason"),
    [
        ("/nope", (), 404, "NotFound"),
        ("/apis/apps/v1/deployments", (), 404, "NotFound"),
        ("/apis/apps/v1", (), 404, "NotFound"),
        (PODS, ("-X", "PUT", *body(pod())), 405, "MethodNotAllowed"),
        ("/api/v1/pods", body(pod()), 405, "MethodNotAllowed"),
        ("/api/v1/nodes", body({"kind": "Node"}), 405, "MethodNotAllowed"),
        ("/version", ("-X", "DELETE"), 405, "MethodNotAllowed"),
        (PODS, ("-X", "POST"), 411, "LengthRequired"),
        (PODS, ("-d", "a=b"), 415, "UnsupportedMediaType"),
        (f"{PODS}/x", ("-X", "PATCH", *body({}, "application/json")), 415, "UnsupportedMediaType"),
        (PODS, body("{"), 400, "BadRequest"),
        (PODS, body({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}), 400, "BadRequest"),
        (PODS, body(pod("web", "other")), 400, "BadRequest"),
        (f"{PODS}?labelSelector=a%3D%3D%3Db", (), 400, "BadRequest"),
        (f"{PODS}?fieldSelector=spec.hostname%3Da", (), 400, "BadRequest"),
        (f"{PODS}?fieldValidation=Maybe", body(pod()), 400, "BadRequest"),
        (f"{PODS}?dryRun=Some", body(pod()), 400, "BadRequest"),
        ("/%ff", (), 400, "BadRequest"),
        (f"{PODS}/..%2f..%2fetc", (), 404, "NotFound"),
    ],
)
async def test_bad_requests_get_their_own_code_and_a_status(
    board: Board, path: str, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    reply = await curl(board, path, *arguments)
    assert (reply.code, reply.document["reason"], reply.document["code"]) == (code, reason, code)
    assert reply.document["kind"] == "Status"


async def test_a_method_that_is_not_allowed_says_which_are(board: Board) -> None:
    reply = await curl(board, "/api/v1/nodes", "-X", "DELETE")
    assert (reply.code, reply.header("allow")) == (405, "GET")


async def test_a_second_post_of_a_name_is_a_conflict(board: Board) -> None:
    await curl(board, PODS, *body(pod("web")))
    reply = await curl(board, PODS, *body(pod("web")))
    assert (reply.code, reply.document["reason"]) == (409, "AlreadyExists")


async def test_lists_are_narrowed_by_labels_and_fields(board: Board) -> None:
    await board.put_pod("a", metadata={"labels": {"app": "web", "tier": "front"}}, status={"phase": "Running"})
    await board.put_pod("b", metadata={"labels": {"app": "web"}}, status={"phase": "Pending"})
    await board.put_pod("c", "prod", metadata={"labels": {"app": "db"}})

    async def names(query: str) -> list[str]:
        reply = await curl(board, f"/api/v1/pods?{query}")
        return [item["metadata"]["name"] for item in reply.document["items"]]

    assert await names("labelSelector=app%3Dweb") == ["a", "b"]
    assert await names("labelSelector=app%20in%20(web,db),!tier") == ["b", "c"]
    assert await names("fieldSelector=status.phase%3DRunning") == ["a"]
    assert await names("fieldSelector=metadata.namespace%3Dprod,metadata.name!%3Da") == ["c"]


async def test_apply_creates_then_changes_and_tells_warnings(board: Board) -> None:
    board.reception.warnings = ('unknown field "spec.foo"',)
    arguments = ("-X", "PATCH", *body(pod("web"), "application/apply-patch+yaml"))
    first = await curl(board, f"{PODS}/web?fieldManager=edgelet", *arguments)
    second = await curl(board, f"{PODS}/web", *arguments)
    silent = await curl(board, f"{PODS}/web?fieldValidation=Ignore", *arguments)
    assert (first.code, second.code) == (201, 200)
    assert first.header("warning") == '299 - "unknown field \\"spec.foo\\""'
    assert silent.header("warning") == ""


async def test_a_flood_of_warnings_stays_below_what_clients_take_in_headers(board: Board) -> None:
    board.reception.warnings = tuple(f"field {number} \r\nX-Evil: é {'x' * 900}" for number in range(200))
    reply = await curl(board, PODS, *body(pod("web")))
    told = [value for name, value in reply.headers if name == "warning"]
    assert 5 < len(told) < 10
    assert sum(map(len, told)) <= 4096
    assert told[0].startswith('299 - "field 0 X-Evil: ? xxx')


async def test_a_dry_run_changes_nothing(board: Board) -> None:
    reply = await curl(board, f"{PODS}?dryRun=All", *body(pod("web")))
    assert reply.code == 201
    assert board.store.list("Pod") == ()


async def test_strict_field_validation_reaches_the_reception(board: Board) -> None:
    wrong = pod("web", spec={"unknown": 1, "containers": []})
    reply = await curl(board, f"{PODS}?fieldValidation=Strict", *body(wrong))
    assert (reply.code, reply.document["reason"]) == (422, "Invalid")


@pytest.mark.parametrize(
    ("content_type", "patch", "patch_type"),
    [
        ("application/merge-patch+json", {"data": {"a": "2"}}, "merge"),
        ("application/strategic-merge-patch+json", {"data": {"a": "2"}}, "strategic"),
        ("application/json-patch+json", [{"op": "replace", "path": "/data/a", "value": "2"}], "json"),
    ],
)
async def test_each_kind_of_patch_reaches_the_object(
    board: Board, content_type: str, patch: Any, patch_type: str
) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    await board.store.put(Key("ConfigMap", "default", "c"), document, source="api")
    path = "/api/v1/namespaces/default/configmaps/c"
    reply = await curl(board, path, "-X", "PATCH", *body(patch, content_type))
    assert (reply.code, reply.document["data"]) == (200, {"a": "2"})
    assert board.reception.calls[-1] == ("patch", {"patch_type": patch_type, "subresource": ""})


async def test_a_status_is_patched_and_replaced_by_its_subresource(board: Board) -> None:
    await board.put_pod("web", status={"phase": "Pending", "reason": "old"})
    merge = "application/merge-patch+json"
    patched = await curl(board, f"{PODS}/web/status", "-X", "PATCH", *body({"status": {"phase": "Running"}}, merge))
    replaced = await curl(board, f"{PODS}/web/status", "-X", "PUT", *body(pod("web", status={"phase": "Failed"})))
    assert (patched.code, patched.document["status"]["phase"]) == (200, "Running")
    assert (replaced.code, replaced.document["status"]) == (200, {"phase": "Failed"})
    assert (await curl(board, f"{PODS}/web/status")).document["status"] == {"phase": "Failed"}


async def test_a_deleted_pod_is_given_back_as_it_ends_and_other_kinds_end_at_once(board: Board) -> None:
    await board.put_pod("web")
    await board.store.put(Key("Secret", "default", "s"), {"kind": "Secret", "metadata": {}}, source="api")
    ending = await curl(board, f"{PODS}/web", "-X", "DELETE", *body({"gracePeriodSeconds": 7}))
    gone = await curl(board, "/api/v1/namespaces/default/secrets/s?gracePeriodSeconds=0", "-X", "DELETE")
    assert ending.document["kind"] == "Pod"
    assert ending.document["metadata"]["deletionGracePeriodSeconds"] == 7
    assert (gone.document["kind"], gone.document["status"]) == ("Status", "Success")
    assert gone.document["details"]["name"] == "s"


async def test_a_delete_of_another_uid_is_refused(board: Board) -> None:
    await board.put_pod("web")
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "someone-else"}}
    reply = await curl(board, f"{PODS}/web", "-X", "DELETE", *body(options))
    assert (reply.code, reply.document["reason"]) == (409, "Conflict")
    assert not board.store.list("Pod")[0].deleting


async def test_a_collection_is_deleted_by_selector_only_where_it_fits(board: Board) -> None:
    await board.put_pod("a", metadata={"labels": {"app": "web"}})
    await board.put_pod("b")
    reply = await curl(board, f"{PODS}?labelSelector=app%3Dweb", "-X", "DELETE")
    assert [item["metadata"]["name"] for item in reply.document["items"]] == ["a"]
    assert [one.key.name for one in board.store.list("Pod") if one.deleting] == ["a"]


async def test_namespaces_exist_by_being_used_and_take_their_objects_with_them(board: Board) -> None:
    await board.store.put(Key("ConfigMap", "prod", "c"), {"kind": "ConfigMap", "metadata": {}}, source="api")
    made = await curl(
        board, "/api/v1/namespaces", *body({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}})
    )
    listed = (await curl(board, "/api/v1/namespaces")).document
    assert made.code == 201
    assert [item["metadata"]["name"] for item in listed["items"]] == ["default", "made", "prod"]
    assert {item["status"]["phase"] for item in listed["items"]} == {"Active"}
    assert (await curl(board, "/api/v1/namespaces/nowhere")).code == 404
    assert (await curl(board, "/api/v1/namespaces/prod", "-X", "DELETE")).code == 200
    assert (await curl(board, "/api/v1/namespaces/made", "-X", "DELETE")).code == 200
    assert (await curl(board, "/api/v1/namespaces/prod")).code == 404
    assert (await curl(board, "/api/v1/namespaces/default", "-X", "DELETE")).code == 403
    assert board.store.list("ConfigMap") == ()


async def test_nodes_events_and_metrics_are_read_from_where_they_are(board: Board) -> None:
    board.events.add("web.1", involvedObject={"kind": "Pod", "name": "web"}, reason="Started")
    board.events.add("db.1", "prod", involvedObject={"kind": "Pod", "name": "db"}, reason="Killing")
    node = await curl(board, "/api/v1/nodes/pi-01")
    about = await curl(board, "/api/v1/events?fieldSelector=involvedObject.name%3Ddb")
    samples = await curl(board, "/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods")
    one = await curl(board, "/apis/metrics.k8s.io/v1beta1/nodes/pi-01")
    assert node.document["kind"] == "Node"
    assert [item["metadata"]["name"] for item in about.document["items"]] == ["db.1"]
    assert [item["metadata"]["name"] for item in samples.document["items"]] == ["db"]
    assert samples.document["kind"] == "PodMetricsList"
    assert one.document["usage"]["cpu"] == "100m"
    assert (await curl(board, "/apis/metrics.k8s.io/v1beta1/nodes/other")).code == 404


async def test_discovery_lists_only_what_is_served(board: Board) -> None:
    core = (await curl(board, "/api/v1")).document
    groups = (await curl(board, "/apis")).document
    names = [resource["name"] for resource in core["resources"]]
    assert (await curl(board, "/api")).document["versions"] == ["v1"]
    assert {"pods", "pods/log", "pods/exec", "pods/status", "nodes", "events", "secrets"} <= set(names)
    assert "services" not in names
    assert [group["name"] for group in groups["groups"]] == ["metrics.k8s.io"]
    assert (await curl(board, "/apis/metrics.k8s.io/v1beta1")).code == 200


async def test_health_and_version_answer_a_head_request_too(board: Board) -> None:
    healthy = await curl(board, "/healthz")
    head = await curl(board, "/version", "--head")
    board.not_ready = "the store is being read"
    not_ready = await curl(board, "/readyz")
    assert (healthy.code, healthy.body) == (200, b"ok")
    assert (head.code, head.body) == (200, b"")
    assert int(head.header("content-length")) > 0
    assert not_ready.code == 503
    assert "the store is being read" in not_ready.document["message"]


@pytest.mark.parametrize("part", ["ephemeralcontainers", "resize"])
async def test_parts_of_a_spec_are_read_patched_and_replaced_by_their_subresources(board: Board, part: str) -> None:
    await board.store.put(Key("Pod", "default", "web"), pod("web"), source="api")
    merge = "application/strategic-merge-patch+json"
    spec = {"ephemeralContainers": [{"name": "dbg", "image": "i"}]}

    found = await curl(board, f"{PODS}/web/{part}")
    patched = await curl(board, f"{PODS}/web/{part}", "-X", "PATCH", *body({"spec": spec}, merge))
    replaced = await curl(board, f"{PODS}/web/{part}", "-X", "PUT", *body({**pod("web"), "spec": spec}))
    deleted = await curl(board, f"{PODS}/web/{part}", "-X", "DELETE")

    assert (found.code, patched.code, replaced.code, deleted.code) == (200, 200, 200, 405)
    assert replaced.document["spec"] == spec
    asked = [about for verb, about in board.reception.calls if verb == "patch"]
    assert asked == [
        {"patch_type": "strategic", "subresource": part},
        {"patch_type": "json", "subresource": part},
    ]


async def test_the_subresources_are_found_by_discovery(board: Board) -> None:
    resources = (await curl(board, "/api/v1")).document["resources"]
    verbs = {one["name"]: one["verbs"] for one in resources if one["name"].startswith("pods/")}
    assert verbs["pods/resize"] == verbs["pods/ephemeralcontainers"] == ["get", "patch", "update"]
