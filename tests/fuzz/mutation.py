"""Changes to a manifest that leave it one: bytes alone hardly ever lead past the first rules.

Pure, of a seed: libFuzzer repeats what it finds.
"""

from __future__ import annotations

import copy
import json
import types
from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from edgelet.api.config_map import ConfigMap
from edgelet.api.errors import EdgeletError
from edgelet.api.int_or_string import IntOrString
from edgelet.api.namespace import Namespace
from edgelet.api.pod import Pod
from edgelet.api.quantity import Quantity
from edgelet.api.secret import Secret
from edgelet.api.value import Value
from edgelet.intake import decode

Choice = TypeVar("Choice")

_MODELS: dict[str, type[Value]] = {"Pod": Pod, "ConfigMap": ConfigMap, "Secret": Secret, "Namespace": Namespace}
_LIMIT_BYTES = 64 * 1024
_REPAIRED = 0.7  # how often what every object needs is put in where it is missing
_PRESENT = 0.8  # how often a field that is there is changed, not one that is not
_STAY = 0.2  # how often a change is made here, not further down
_NUMBERS = (0, -1, 1, 2, 30, 80, 65535, 65536, 2**31 - 1, 2**31, 2**63 - 1, -(2**63), 2**63, 2**64, 10**40, 0.5, 1e300)
_TEXTS = (
    *("", "a", "b", "web", "c", "v", "key", "a.b", "A", "a" * 63, "a" * 64, "a" * 254, "-", "..", ".", "/", "/v"),
    *("/a/../b", "a/b", "../x", "$(A)", "$$(A)", "$(A", "ä", "\u2028", "\U0001f4a9", "\n", "0", "80", "1e3", "true"),
    *(
        "metadata.name",
        "metadata.labels['a']",
        "status.podIP",
        "limits.cpu",
        "requests.memory",
        "kernel.shm_rmid_forced",
    ),
    *("10.0.0.1", "::1", "fe80::1%eth0", "256.1.1.1", "sha256:" + "0" * 64, "localhost/testbox:1", "a@b", "dmFsdWU="),
)
_AMOUNTS = (
    "0",
    "1",
    "100m",
    "0.5",
    "1Gi",
    "-1",
    "1e30",
    "9e30",
    "1e-30",
    "9223372036854775807",
    "8Ei",
    "1n",
    "x",
    1,
    0.1,
)
USUAL: dict[str, tuple[Any, ...]] = {
    "name": ("a", "b", "c", "d", "e", "v", "m", "p", "h", "http", "web"),
    "image": ("i:1", "localhost/testbox:1", "docker.io/library/a@sha256:" + "0" * 64),
    "mountPath": ("/a", "/b", "/v", "/etc/hosts", "/a/b"),
    "path": ("/a", "a", "a/b", "/"),
    "containerPort": (80, 81, 53),
    "hostPort": (80, 8080, 53),
    "port": (80, 8080, "http"),
    "fieldPath": ("metadata.name", "status.podIP", "metadata.labels['a']", "metadata.annotations", "spec.nodeName"),
    "resource": ("limits.cpu", "requests.memory", "limits.ephemeral-storage"),
    "key": ("key", "a", "A"),
    "restartPolicy": ("Always", "OnFailure", "Never"),
    "ip": ("10.0.0.1", "::1"),
}
KEYS = ("a", "key", "app", "cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "x/y", "a/b/c", "", "A" * 64, "ä")


def mutated(data: bytes, *, seed: int) -> bytes | None:
    """Return a changed manifest as JSON; None where the data holds none."""
    random = Random(seed)  # noqa: S311  no secret
    try:
        documents = [dict(one) for one in decode.documents(data, limit_bytes=_LIMIT_BYTES)]
    except EdgeletError:
        return None
    document = random.choice(documents)
    for _ in range(random.choice((1, 1, 2, 4))):
        _change_object(document, random)
    if random.random() < _REPAIRED:
        _repair(document)
    return "\n".join(json.dumps(one, ensure_ascii=random.random() < 0.5) for one in documents[:4]).encode()


def _repair(document: dict[str, Any]) -> None:
    """Put in what an object is refused without, before anything else of it is looked at."""
    metadata = document["metadata"] if isinstance(document.get("metadata"), dict) else {}
    document["metadata"] = {**metadata, "name": metadata.get("name") or "web"}
    if document.get("kind") != "Pod":
        return
    spec = document["spec"] = document["spec"] if isinstance(document.get("spec"), dict) else {}
    spec["containers"] = spec.get("containers") or [{}]
    for part in ("initContainers", "containers"):
        found = spec.get(part)
        items = found if isinstance(found, list) else []
        for index, one in enumerate(one for one in items if isinstance(one, dict)):
            one["image"] = one.get("image") or "i"
            one["name"] = f"{part[0]}{index}"


def _change_object(document: dict[str, Any], random: Random) -> None:
    """Change an object somewhere inside; seldom what kind it is, or the whole of its spec."""
    kind = document.get("kind")
    model = _MODELS.get(kind if isinstance(kind, str) else "", Pod)
    parts = [name for name in document if name in fields_of(model) and name not in {"apiVersion", "kind"}]
    if not parts or random.random() < 0.03:
        _change(document, model, random)
        return
    name = _heavy(parts, [document[one] for one in parts], random)
    document[name] = _changed(document[name], fields_of(model)[name], random)


def _change(document: dict[str, Any], model: type[Value], random: Random) -> None:
    """Change one field of an object, or something inside it."""
    fields = fields_of(model)
    present = [name for name in document if name in fields]
    if present and random.random() < _PRESENT:
        name = _heavy(present, [document[one] for one in present], random)
    else:
        name = random.choice(sorted(fields))
    if random.random() < 0.08:
        document.pop(name, None)
    elif name in document and random.random() > _STAY:
        document[name] = _changed(document[name], fields[name], random)
    else:
        document[name] = usual(name, random) or made(fields[name], random)


def _heavy(choices: Sequence[Choice], values: Sequence[Any], random: Random) -> Choice:
    """Choose by how much is inside, so that each leaf of a document has its turn."""
    return random.choices(choices, weights=[_weight(one) for one in values])[0]


def _weight(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + sum(map(_weight, value.values()))
    return 1 + sum(map(_weight, value)) if isinstance(value, list) else 1


def usual(field: str, random: Random) -> Any:
    """Return what such a field holds mostly, so that rules about names are not all there is."""
    return random.choice(USUAL[field]) if field in USUAL and random.random() < 0.8 else None


def _changed(value: Any, annotation: Any, random: Random) -> Any:
    """Return a value like this one, with something else inside."""
    kind, inner = taken_apart(annotation)
    if random.random() < 0.03:
        return random.choice((None, [], {}, "", 0, True, [None], {"": None}, random.choice(_NUMBERS)))
    if kind == "object" and isinstance(value, dict):
        _change(value, inner, random)
        return value
    if kind == "list" and isinstance(value, list) and value:
        return _changed_list(value, inner, random)
    if kind == "map" and isinstance(value, dict):
        value[random.choice([*KEYS, *map(str, value)])] = made(inner, random)
        return value
    return made(annotation, random)


def _changed_list(value: list[Any], inner: Any, random: Random) -> list[Any]:
    at = _heavy(range(len(value)), value, random)
    match random.randrange(8):
        case 0:
            del value[at]
        case 1:
            value.insert(at, copy.deepcopy(value[at]))
        case 2:
            value.insert(at, made(inner, random))
        case 3:
            random.shuffle(value)
        case _:
            value[at] = _changed(value[at], inner, random)
    return value


def made(annotation: Any, random: Random, depth: int = 0) -> Any:
    """Return something of this type, mostly."""
    kind, inner = taken_apart(annotation)
    match kind:
        case "object":
            fields = fields_of(inner)
            needed = [name for name, info in inner.model_fields.items() if info.is_required()]
            names = {inner.model_fields[name].alias or name for name in needed}
            if depth < 4:
                names |= set(random.sample(sorted(fields), k=min(len(fields), random.choice((0, 1, 1, 2)))))
            return {name: usual(name, random) or made(fields[name], random, depth + 1) for name in sorted(names)}
        case "list":
            return [made(inner, random, depth + 1) for _ in range(random.choice((0, 1, 1, 2)))]
        case "map":
            return {random.choice(KEYS): made(inner, random, depth + 1) for _ in range(random.choice((0, 1, 2)))}
        case "number" if random.random() < 0.2:
            return random.randrange(100_000)
        case _:
            return random.choice(scalars(annotation))


def scalars(annotation: Any) -> tuple[Any, ...]:
    """Return values for a field of this type that code may trip over, if there are any."""
    kind, inner = taken_apart(annotation)
    match kind:
        case "words":
            return (*inner, "", "Nonsense")
        case "amount":
            return _AMOUNTS
        case "number":
            return _NUMBERS
        case "truth":
            return (True, False)
        case "number or text":
            return (*_NUMBERS, *_TEXTS)
        case _:
            return _TEXTS


@cache
def fields_of(model: type[Value]) -> dict[str, Any]:
    """Return the type of each field by its name in a document."""
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def taken_apart(annotation: Any) -> tuple[str, Any]:  # noqa: PLR0911  one return a sort of annotation
    """Return what sort of thing a type is, and what is inside."""
    if annotation == IntOrString:
        return "number or text", None
    origin, inside = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return taken_apart(inside[0])
    if origin in (Union, types.UnionType):
        some = [one for one in inside if one is not type(None)]
        return taken_apart(some[0])
    if origin is Literal:
        return "words", inside
    if origin is tuple:
        return "list", inside[0]
    if origin is dict:
        return "map", inside[1]
    if isinstance(annotation, type) and issubclass(annotation, Value):
        return "object", annotation
    return {int: "number", float: "number", bool: "truth", Quantity: "amount"}.get(annotation, "text"), None
