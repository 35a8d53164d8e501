"""What holds for every Pod that was accepted: it can be planned, asked of the engine, and told, or says why not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from edgelet.adapters.podman import translate
from edgelet.adapters.podman.labels import HostNamespaces
from edgelet.adapters.podman.translate import Abilities
from edgelet.adapters.probes import http_get
from edgelet.api.config_map import ConfigMap
from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.pod import Pod
from edgelet.api.pod_status import PodStatus
from edgelet.api.probe import HTTPGetAction
from edgelet.api.secret import Secret
from edgelet.pods import (
    active_deadline,
    adoption,
    allocation,
    container_spec,
    env_file,
    environment,
    node_admission,
    probe_request,
    pull_secrets,
    qos,
    references,
    sandbox_spec,
    status,
    volumes,
)
from edgelet.pods.node_facts import NodeFacts
from edgelet.pods.volumes import MountableVolume
from edgelet.ports.images import ImageInfo
from edgelet.ports.runtime import ContainerSpec
from tests.fakes.pod_files import PATHS
from tests.fuzz import plain_json
from tests.fuzz.channel import SilentChannel
from tests.fuzz.house import NODE
from tests.fuzz.stepping import settled
from tests.unit.pods.engine_on_paper import BEGIN, Paper

_FACTS = NodeFacts(
    name=NODE,
    host_ips=("192.0.2.7",),
    cpu_allocatable_milli=2000,
    memory_allocatable_bytes=1 << 30,
    memory_capacity_bytes=1 << 30,
)
_ROOM = node_admission.Room(name=NODE, labels={}, cpu_milli=2000, memory_bytes=1 << 30, pods=110)
_IMAGE = ImageInfo(id="0" * 64, digests=(), names=("i",), size_bytes=1, user="", architecture="amd64")
_IPS = ("10.0.0.2",)
_RESOLV_CONF = "nameserver 192.0.2.53\nsearch lan.example\n"
_LIFE_S = 400.0
_KEYS = {"key": "value", "a": "b", "A": "x=$(A)"}


class _AnyObjects:
    """Every ConfigMap and Secret is there."""

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        return ConfigMap.model_validate({"metadata": {"name": name, "namespace": namespace}, "data": _KEYS})

    def secret(self, namespace: str, name: str) -> Secret | None:
        return Secret.model_validate({"metadata": {"name": name, "namespace": namespace}, "data": {"key": "dmFsdWU="}})


def check(pod: Pod, document: Any) -> None:
    """Fail where anything but an EdgeletError is raised, or something is asked for that the engine cannot read."""
    allocation.of(pod)
    qos.qos_class(pod)
    references.of(pod)
    adoption.spec_digest(document["spec"])
    node_admission.judge(pod, (pod,), _ROOM)
    allocation.judge(pod, (pod,), _ROOM)
    pull_secrets.credentials(pod, _AnyObjects())
    _sandbox(pod)
    for container in references.every_container(pod):
        for _ in _specs(pod, container):
            pass
        _probes(container)
    _life(pod)


def _sandbox(pod: Pod) -> None:
    with suppress(EdgeletError):
        resolved = sandbox_spec.resolve(pod, attempt=1, node=_FACTS, resolv_conf_text=_RESOLV_CONF)
        plain_json.check(translate.sandbox_body(resolved.spec, owner="o", network="n", address="10.0.0.2"))


def _specs(pod: Pod, container: Container) -> Iterator[ContainerSpec]:
    with suppress(EdgeletError):
        places = dict(volumes.plan(pod, paths=PATHS, objects=_AnyObjects(), node=_FACTS).volumes)
        places |= {one.name: MountableVolume("/img") for one in pod.spec.volumes if one.image is not None}
        files = {(one.volume_name, one.path): b"key='value'\n" for one in env_file.wanted(container)}
        env = environment.build(container, pod, objects=_AnyObjects(), pod_ips=_IPS, node=_FACTS, env_files=files)
        spec = container_spec.resolve(
            pod,
            container,
            instance=0,
            image=_IMAGE,
            env=env,
            volumes=places,
            pod_ips=_IPS,
            paths=PATHS,
            node=_FACTS,
            labels={"resources": allocation.label(container.resources)},
        ).spec
        body = translate.container_body(
            spec, owner="o", sandbox="s", namespaces=HostNamespaces(), abilities=Abilities()
        )
        plain_json.check(body)
        plain_json.check(translate.update_body(spec.resources, Abilities()))
        yield spec


def _probes(container: Container) -> None:
    hooks = (container.lifecycle.post_start, container.lifecycle.pre_stop) if container.lifecycle else ()
    for one in (container.liveness_probe, container.readiness_probe, container.startup_probe, *hooks):
        if one is None:
            continue
        if one.exec is not None:
            probe_request.command(one.exec, container)
        if one.http_get is not None:
            _ask(one.http_get, container)


def _ask(action: HTTPGetAction, container: Container) -> None:
    with suppress(EdgeletError):
        asked = probe_request.http(action, container, pod_ip="10.0.0.2", user_agent="fuzz")
        settled(http_get._asked(replace(asked, scheme="http"), SilentChannel(b"HTTP/1.1 204 No Content\r\n\r\n")))


def _life(pod: Pod) -> None:
    """Let it live, each container failing once, and tell of it at each step."""
    spoken = PodStatus()

    def tell(paper: Paper, _: object) -> None:
        nonlocal spoken
        around = status.Surroundings(
            now=datetime(2026, 1, 2, tzinfo=UTC),
            host_ips=_FACTS.host_ips,
            qos_class=qos.qos_class(pod),
            start_time=BEGIN,
        )
        spoken = status.build(paper.situation(), around, before=spoken)

    paper = Paper(pod, lambda _, instance: None if instance else (1.0, 1), tell)
    paper.live(_LIFE_S)
    active_deadline.remaining_s(pod, paper.memory, now_s=paper.now_s)
    plain_json.check(spoken.to_document())
