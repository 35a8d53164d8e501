"""Each key of policy.toml: what it lets in, what it refuses, and that it goes before the profile."""

from __future__ import annotations

from typing import Any

import pytest

from edgelet.api.errors import ForbiddenError
from edgelet.api.pod import Pod
from edgelet.config.policy import Rules
from edgelet.intake import refusal
from edgelet.intake.admission import judge
from edgelet.intake.admission.judge import Ruling
from tests import builders

C = builders.container_document
DIGEST = "sha256:" + "a" * 64


def ruling(text: str, **more: Any) -> Ruling:
    return builders.policy(text, **more).ruling


def refused(text: str, document: dict[str, Any] | Pod, *, source: str = "mqtt", profile: Any = "baseline") -> list[str]:
    pod = document if isinstance(document, Pod) else Pod.model_validate(document)
    return [str(one) for one in judge.violations(pod, ruling(text, profile=profile), source=source)]


def on_host(path: str, **fields: object) -> Pod:
    mount = {"name": "v", "mountPath": "/v", **fields}
    return builders.pod("web", C(volumeMounts=[mount]), volumes=[{"name": "v", "hostPath": {"path": path}}])


def image(name: str) -> Pod:
    return builders.pod("web", C(image=name))


def ports(*numbers: int, **spec: Any) -> Pod:
    return builders.pod("web", C(ports=[{"containerPort": one, "hostPort": one} for one in numbers]), **spec)


def secured(**context: Any) -> Pod:
    return builders.pod("web", C(securityContext=context))


PATH = "spec.volumes[0].hostPath.path"
KEYS: list[tuple[str, Pod, list[str]]] = [
    # images: whole components, docker.io where nothing is said
    ('images = ["registry.example/team/"]', image("registry.example/team/app:1"), []),
    ('images = ["registry.example/team"]', image(f"registry.example/team/a/b@{DIGEST}"), []),
    ('images = ["registry.example/team"]', image("registry.example/team"), []),
    ('images = ["registry.example"]', image("registry.example/any:1"), []),
    ('images = ["registry.example:5000/a"]', image("registry.example:5000/a:1"), []),
    ('images = ["docker.io/library/busybox"]', image("busybox"), []),
    ('images = ["docker.io"]', image("index.docker.io/a/b"), []),
    *(('images = ["docker.io"]', image(name), ["images"]) for name in (DIGEST, "a" * 64)),  # of any repository
    *(
        ('images = ["registry.example/team/"]', image(name), ["images"])
        for name in (
            "registry.example/teams/app",
            "registry.example/team-2/app",
            "registry.example.evil.example/team/app",
            "registry.example:443/team/app",
            "evil.example/registry.example/team/app",
            "busybox",
            "a" * 64,
            "REGISTRY/x/../y",
        )
    ),
    ("images = []", image("registry.example/a"), ["images"]),
    # digests
    ("digests_only = true", image(f"a/b@{DIGEST}"), []),
    ("digests_only = true", image(f"a/b:1@{DIGEST}"), []),
    ("digests_only = true", image("a/b:1"), ["digests_only"]),
    ("digests_only = false", image("a/b:1"), []),
    # privileged and capabilities
    ("privileged = true", secured(privileged=True), []),
    ("privileged = false", secured(privileged=True), ["privileged"]),
    ("", secured(privileged=True), ["privileged"]),
    ('capabilities = ["NET_ADMIN"]', secured(capabilities={"add": ["NET_ADMIN"]}), []),
    ('capabilities = ["NET_ADMIN"]', secured(capabilities={"add": ["CHOWN"]}), ["capabilities"]),
    ('capabilities = ["ALL"]', secured(capabilities={"add": ["SYS_ADMIN"]}), []),
    ("capabilities = []", secured(capabilities={"add": ["CHOWN"], "drop": ["KILL"]}), ["capabilities"]),
    # the board's namespaces
    ("host_network = true", builders.pod(hostNetwork=True), []),
    ("host_network = false", builders.pod(hostNetwork=True), ["host_network"]),
    ("host_pid = true", builders.pod(hostPID=True), []),
    ("host_pid = false", builders.pod(hostPID=True), ["host_pid"]),
    ("host_ipc = true", builders.pod(hostIPC=True), []),
    ("host_ipc = true", builders.pod(hostPID=True), ["host namespaces"]),
    # ports
    ('host_ports = [80, "8000-8001"]', ports(80, 8000, 8001), []),
    ('host_ports = [80, "8000-8001"]', ports(81, 8002), ["host_ports", "host_ports"]),
    ("host_ports = []", ports(80), ["host_ports"]),
    ("host_network = true", ports(80, hostNetwork=True), []),
    ("host_network = true", ports(80), ["hostPort"]),
    ("host_network = true\nhost_ports = [81]", ports(80, hostNetwork=True), ["host_ports"]),
    # paths
    ('host_paths = ["/srv/data"]', on_host("/srv/data"), []),
    ('host_paths = ["/srv/data"]', on_host("//srv/./data//x/"), []),
    ('host_paths = ["/srv/data"]', on_host("/srv/database"), ["host_paths"]),
    ('host_paths = ["/srv/data"]', on_host("/srv"), ["host_paths"]),
    ('host_paths = ["/"]', on_host("/etc/shadow"), []),
    ("host_paths = []", on_host("/srv"), ["host_paths"]),
    (
        'host_paths = [{path = "/srv", read_only = true}]',
        on_host("/srv/a", readOnly=True, recursiveReadOnly="Enabled"),
        [],
    ),
    ('host_paths = [{path = "/srv", read_only = true}]', on_host("/srv/a", readOnly=True), ["host_paths"]),
    (
        'host_paths = [{path = "/srv", read_only = true}]',
        on_host("/srv/a", readOnly=True, recursiveReadOnly="IfPossible"),
        ["host_paths"],
    ),
    ('host_paths = [{path = "/srv", read_only = true}]', on_host("/srv/a"), ["host_paths"]),
    ('host_paths = ["/srv/a", {path = "/srv", read_only = true}]', on_host("/srv/a"), []),
    ('host_paths = ["/srv/a", {path = "/srv", read_only = true}]', on_host("/srv/b"), ["host_paths"]),
    ("", on_host("/srv"), ["hostPath volumes"]),
    # devices
    ('devices = ["/dev/ttyUSB*"]', on_host("/dev/ttyUSB0"), []),
    ('devices = ["/dev/ttyUSB*"]', on_host("/dev/ttyACM0"), ["devices"]),
    ('devices = ["/dev/*"]', on_host("/dev/snd/pcm"), []),
    ('devices = ["/dev/ttyUSB*"]', on_host("/dev"), ["devices"]),
    ('devices = ["/dev/snd"]', on_host("/srv"), ["hostPath volumes"]),
    ('devices = ["/dev/snd"]\nhost_paths = ["/"]', on_host("/dev/sda"), ["devices"]),
    ('host_paths = ["/dev/snd"]', on_host("/dev/snd/x"), []),
]


@pytest.mark.parametrize(("text", "pod", "rules"), KEYS)
def test_a_key_decides_before_the_profile(text: str, pod: Pod, rules: list[str]) -> None:
    found = judge.violations(pod, ruling(text, profile="baseline"), source="mqtt")
    assert [one.rule for one in found] == rules


@pytest.mark.parametrize(("text", "pod", "rules"), KEYS)
def test_a_key_holds_under_any_profile(text: str, pod: Pod, rules: list[str]) -> None:
    found = judge.violations(pod, ruling(text, profile="privileged"), source="mqtt")
    assert [one.rule for one in found] == [one for one in rules if text and one in Rules.model_fields]


def test_a_path_that_climbs_is_below_nothing() -> None:
    assert refused('host_paths = ["/srv"]', on_host("/srv/../etc")) == [f'host_paths ({PATH} "/srv/../etc")']
    assert refused('devices = ["/dev/*"]', on_host("/dev/../etc"))


def test_volumes_and_every_kind_of_container_have_images() -> None:
    pod = builders.pod(
        "web",
        C("c", image="good.example/a"),
        initContainers=[C("i", image="bad.example/a")],
        ephemeralContainers=[C("e", image="bad.example/b")],
        volumes=[{"name": "v", "image": {"reference": "bad.example/c"}}],
    )
    told = " ".join(refused('images = ["good.example"]', pod))
    for path in ("initContainers[0].image", "ephemeralContainers[0].image", "volumes[0].image.reference"):
        assert f"spec.{path}" in told
    assert "spec.containers[0]" not in told


def limited(*limits: dict[str, str], init: tuple[dict[str, Any], ...] = (), **spec: Any) -> Pod:
    containers = [C(f"c{number}", resources={"limits": one}) for number, one in enumerate(limits)]
    inits = [
        C(f"i{number}", resources={"limits": one["limits"]}, **{k: v for k, v in one.items() if k != "limits"})
        for number, one in enumerate(init)
    ]
    return builders.pod("web", *containers, initContainers=inits, **spec)


@pytest.mark.parametrize(
    ("text", "pod", "rules"),
    [
        ('max_container = {memory = "64Mi"}', limited({"memory": "64Mi"}), []),
        ('max_container = {memory = "64Mi"}', limited({"memory": "65Mi"}), ["max_container"]),
        ('max_container = {memory = "64Mi"}', limited({}), ["max_container"]),
        ("max_container = {cpu = 1}", limited({"cpu": "1000m"}, {"cpu": "2"}), ["max_container"]),
        ('max_container = {ephemeral_storage = "1Gi"}', limited({"ephemeral-storage": "2Gi"}), ["max_container"]),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, {"cpu": "1"}), []),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, {"cpu": "1500m"}), ["max_pod"]),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, {}), ["max_pod"]),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, init=({"limits": {"cpu": "3"}},)), ["max_pod"]),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, init=({"limits": {"cpu": "2"}},)), []),
        (
            "max_pod = {cpu = 2}",
            limited({"cpu": "1"}, init=({"limits": {"cpu": "1500m"}, "restartPolicy": "Always"},)),
            ["max_pod"],
        ),
        ("max_pod = {cpu = 2}", limited({}, resources={"limits": {"cpu": "2"}}), []),
        ("max_pod = {cpu = 2}", limited({}, resources={"limits": {"cpu": "3"}}), ["max_pod"]),
        # 0 is no limit to the kernel
        ('max_container = {memory = "64Mi"}', limited({"memory": "0"}), ["max_container"]),
        ("max_container = {cpu = 1}", limited({"cpu": "0"}), ["max_container"]),
        ("max_container = {cpu = 1}", limited({"cpu": "1n"}), []),
        ('max_container = {ephemeral_storage = "1Gi"}', limited({"ephemeral-storage": "0"}), ["max_container"]),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, {"cpu": "0"}), ["max_pod"]),
        ("max_pod = {cpu = 2}", limited({"cpu": "1"}, init=({"limits": {"cpu": "0"}},)), ["max_pod"]),
        ('max_pod = {memory = "1Gi"}', limited({"memory": "1Mi"}, resources={"limits": {"memory": "0"}}), ["max_pod"]),
    ],
)
def test_a_ceiling_is_held_by_limits(text: str, pod: Pod, rules: list[str]) -> None:
    found = judge.violations(pod, ruling(text), source="mqtt")
    assert [one.rule for one in found] == rules


def test_a_source_and_a_namespace_have_rules_of_their_own() -> None:
    text = """
        [source.manifest]
        profile = "privileged"
        [namespace.infra]
        sources = ["api"]
        host_network = true
        [namespace.tight]
        sources = ["mqtt", "manifest", "api"]
        profile = "restricted"
    """
    pod = builders.pod(hostNetwork=True)
    there = builders.pod_document(namespace="infra", hostNetwork=True)
    assert refused(text, pod, source="mqtt")
    assert refused(text, pod, source="file") == []
    assert refused(text, there, source="api") == []
    assert refused(text, there, source="mqtt")  # whoever sends it chose the namespace
    assert refused(text, builders.pod_document(namespace="tight"), source="file")


def check(text: str, document: dict[str, Any], *, old: dict[str, Any] | None = None, **more: Any) -> None:
    judge.check(document, ruling(text, **more), source="mqtt", old=old)


def test_a_refusal_names_rules_and_fields_to_people_and_machines() -> None:
    document = builders.complete_pod_document(hostNetwork=True)
    with pytest.raises(ForbiddenError) as caught:
        check("digests_only = true", document, profile="baseline")
    assert caught.value.message == (
        'pods "web" is forbidden: violates PodSecurity "baseline:latest": host namespaces (spec.hostNetwork=true); '
        'violates the policy of this board: digests_only (spec.containers[0].image "localhost/testbox:1": '
        "name it by digest, NAME@sha256:...)"
    )
    code, status = refusal.answer(caught.value)
    assert (code, status["reason"]) == (403, "Forbidden")
    assert status["details"]["causes"] == [
        {"reason": "FieldValueForbidden", "field": "spec.hostNetwork", "message": "host namespaces: true"},
        {
            "reason": "FieldValueForbidden",
            "field": "spec.containers[0].image",
            "message": 'digests_only: "localhost/testbox:1": name it by digest, NAME@sha256:...',
        },
    ]


def test_a_long_list_is_cut() -> None:
    many = [C(f"c{number}", securityContext={"privileged": True}) for number in range(13)]
    with pytest.raises(ForbiddenError, match="and 3 more"):
        check("", builders.complete_pod_document("web", *many), profile="baseline")


def test_what_stays_in_place_is_not_asked_about_again() -> None:
    old = builders.complete_pod_document(hostNetwork=True)
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"a": "b"}}}
    check("", labelled, old=old, profile="baseline")
    worse = {**old, "spec": {**old["spec"], "hostPID": True}}
    with pytest.raises(ForbiddenError, match="hostPID") as caught:
        check("", worse, old=old, profile="baseline")
    assert "hostNetwork" not in caught.value.message


def test_a_policy_that_cannot_be_used_lets_nothing_new_in() -> None:
    document = builders.complete_pod_document()
    with pytest.raises(ForbiddenError, match='pods "web" is forbidden: the file is bad'):
        check("", document, closed="the file is bad")
    check("", {**document, "metadata": {**document["metadata"], "labels": {"a": "b"}}}, old=document, closed="bad")
    other = {**document, "spec": {**document["spec"], "activeDeadlineSeconds": 5}}
    with pytest.raises(ForbiddenError):
        check("", other, old=document, closed="bad")
    check("", builders.config_map_document(), closed="bad")


def test_objects_stay_in_the_allowed_namespaces() -> None:
    text = 'namespaces = ["shop"]'
    check(text, builders.complete_pod_document(namespace="shop"))
    check(text, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    with pytest.raises(ForbiddenError, match=r'pods "web" .*: namespaces \(metadata.namespace "default"\)'):
        check(text, builders.complete_pod_document())
    with pytest.raises(ForbiddenError, match=r'configmaps "cfg" .*metadata.namespace "default"'):
        check(text, builders.config_map_document())
    with pytest.raises(ForbiddenError, match=r'namespaces "other" .*metadata.name "other"'):
        check(text, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})


@pytest.mark.parametrize(
    ("text", "there", "passes"),
    [
        ("max_pods = 2", [("file", "a"), ("mqtt", "b")], False),
        ("max_pods = 3", [("file", "a"), ("mqtt", "b")], True),
        ("[source.mqtt]\nmax_pods = 1", [("file", "a"), ("api", "shop")], True),
        ("[source.mqtt]\nmax_pods = 1", [("mqtt", "a")], False),
        ("[source.manifest]\nmax_pods = 0", [], True),
        ('[namespace.shop]\nsources = ["mqtt"]\nmax_pods = 1', [("file", "shop")], False),
        ('[namespace.shop]\nsources = ["mqtt"]\nmax_pods = 1', [("mqtt", "other")], True),
        ('max_pods = 1\n[namespace.shop]\nsources = ["mqtt"]\nmax_pods = 9', [("mqtt", "other")], False),
    ],
)
def test_pods_are_counted_where_the_bound_stands(text: str, there: list[tuple[str, str]], *, passes: bool) -> None:
    def count() -> None:
        judge.check_count(ruling(text), source="mqtt", namespace="shop", name="web", pods=there)

    if passes:
        count()
    else:
        with pytest.raises(ForbiddenError, match=r"max_pods \(metadata.name: at most"):
            count()
