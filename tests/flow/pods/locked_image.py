"""A world with an image that came by a login, and ways to ask for it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

from edgelet.ports.images import Credential, ImageInfo
from tests.fakes.runtime import Program
from tests.fakes.world import World, pod_document

REGISTRY = "locked.example"
NAME = f"{REGISTRY}/app:1"


def pod_with(name: str, *secrets: str, policy: str = "IfNotPresent") -> dict[str, Any]:
    container = {"name": "app", "image": NAME, "imagePullPolicy": policy}
    return pod_document(name, containers=[container], imagePullSecrets=[{"name": one} for one in secrets])


def secret(name: str, word: str = "right") -> dict[str, Any]:
    login = base64.b64encode(f"board:{word}".encode()).decode()
    text = json.dumps({"auths": {REGISTRY: {"auth": login}}})
    data = {".dockerconfigjson": base64.b64encode(text.encode()).decode()}
    metadata = {"name": name, "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "kubernetes.io/dockerconfigjson"} | {
        "data": data
    }


async def locked(w: World) -> None:
    w.images.registries.logins[REGISTRY] = Credential(REGISTRY, "board", "right")
    w.images.registries.offer(NAME)
    w.runtime.programs[NAME] = Program()
    await w.apply(secret("mine"))
    await w.apply(pod_with("owner", "mine"))
    await asyncio.sleep(2)
    assert w.pod("owner").status.phase == "Running"
    assert w.images.pulls == [NAME]


def waiting(w: World, name: str) -> tuple[str, str]:
    found = w.pod(name).status.container_statuses[0].state.waiting
    return (found.reason or "", found.message or "") if found else ("", "")


def image_of(name: str, image: str, *secrets: str, policy: str = "Never") -> dict[str, Any]:
    container = {"name": "app", "image": image, "imagePullPolicy": policy}
    return pod_document(name, containers=[container], imagePullSecrets=[{"name": one} for one in secrets])


def ways_to(w: World, info: ImageInfo) -> dict[str, str]:
    """Names that lead to an image in the repository of NAME, which everything runs under."""
    digest = info.digests[0].partition("@")[2]
    repository = NAME.rpartition(":")[0]
    ways = {"name": NAME, "digest": info.digests[0], "both": f"{NAME}@{digest}", "id": info.id}
    ways["tag"] = f"{repository}:2"
    w.images.here[info.id] = replace(w.images.here[info.id], names=(*w.images.here[info.id].names, ways["tag"]))
    for one in ways.values():
        w.runtime.programs[one] = Program()
    return ways


async def nobody_gets_in(w: World, info: ImageInfo) -> None:
    ways = ways_to(w, info)
    for how, image in ways.items():
        await w.apply(image_of(f"stranger-{how}", image))
    await asyncio.sleep(2)
    assert {how: waiting(w, f"stranger-{how}")[0] for how in ways} == dict.fromkeys(ways, "ErrImageNeverPull")


def loaded(name: str) -> ImageInfo:
    digest = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
    info = ImageInfo(id=digest, names=(name,), digests=(), size_bytes=1000, architecture="amd64", layers=("/fake",))
    return replace(info, digests=(f"{name.rpartition(':')[0]}@{digest}",))
