"""Manifests that are small and were, or could have been, dear: each is judged within a bound of processor time."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from tests import builders
from tests.fuzz.targets import manifest

_MOST_S = 5.0  # some took a minute, before they were mended
_C = {"name": "c", "image": "i"}


def _pod(**spec: Any) -> bytes:
    return json.dumps(builders.pod_document(**spec), separators=(",", ":")).encode()


def _with(**fields: Any) -> bytes:
    return _pod(containers=[{**_C, **fields}])


def _many(count: int, **item: Any) -> list[dict[str, Any]]:
    """The item that often, with its number where a value has a place for it."""
    return [
        {key: value.format(number) if isinstance(value, str) else value for key, value in item.items()}
        for number in range(count)
    ]


_MERGED = "x: &a {z: 1}\ny: {<<: [" + "*a," * 15_000 + "]," + ",".join(f"k{n}: " for n in range(9_000)) + "}"
_ALIASES = "a: &a0 [x]\n" + "".join(f"b{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 40))
_BOMBS: dict[str, bytes] = {
    "wrong containers": _pod(containers=[0] * 60_000),
    "empty containers": _pod(containers=[{}] * 40_000),
    "wrong variables": _with(env=[0] * 60_000),
    "wrong tolerations": _pod(tolerations=_many(5_000, operator="x")),
    "many containers": _pod(containers=_many(3_000, name="c{}", image="i")),
    "many tolerations": _pod(tolerations=_many(8_000, key="k{}")),
    "many ports": _with(ports=[{"containerPort": n, "hostPort": n} for n in range(1, 2_000)]),
    "many mounts": _pod(
        volumes=[{"name": "v"}], containers=[{**_C, "volumeMounts": _many(2_000, name="v", mountPath="/{}")}]
    ),
    "doubling variables": _with(env=[{"name": "A", "value": "aaaaaaaaaa"}, *_many(30, name="A", value="$(A)$(A)")]),
    "long arguments": _with(env=[{"name": "A", "value": "a" * 60_000}], args=["$(A)" * 12_000]),
    "deep path": _pod(
        volumes=[{"name": "v", "configMap": {"name": "m", "items": [{"key": "key", "path": "a/" * 50_000}]}}],
        containers=[{**_C, "volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
    ),
    "long image": _with(image="a." * 60_000 + "!"),
    "long number": _with(ports=[{"containerPort": 0}]).replace(b":0}", b":" + b"9" * 4_000 + b"}"),
    "merged mappings": _MERGED.encode(),
    "aliases of aliases": _ALIASES.encode(),
    "patient reading": b'{a: "\\\'", b: [' + b"{a: b}," * 20_000 + b"]}",
    "opening brackets": b"[" * 130_000,
    "opening braces": b'{"a":' * 26_000,
    "question marks": b"? " * 60_000,
    "documents": b"---\n" * 30_000,
    "lists in lists": b'{"apiVersion":"v1","kind":"List","items":[' * 2_500,
    "items": b'{"apiVersion":"v1","kind":"PodList","items":[' + b"{}," * 40_000 + b"{}]}",
}


@pytest.mark.parametrize("name", _BOMBS)
def test_a_manifest_is_judged_in_bounded_time(name: str) -> None:
    began = time.process_time()
    manifest.try_input(_BOMBS[name])
    assert time.process_time() - began < _MOST_S
