"""Holds every manifest below a directory against the parser and the rules, and counts what becomes of it.

usage: python -m scripts.try_manifests DIR [--verbose]

Pods are judged as they are; of other kinds that have a pod template, a pod made of that. Nothing is stored. Ends with 1
if anything was raised that is no refusal: a defect of the parser.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgelet.api import kinds
from edgelet.api.errors import EdgeletError, InvalidObjectError
from edgelet.intake import admit, decode
from edgelet.intake.admit import House

_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_LIMIT_BYTES = 64 << 20
_ACTED_ON = frozenset({"Pod", "ConfigMap", "Secret", "Namespace"})
_NODE = "node"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one object, or of a file that holds none."""

    path: str
    what: str  # Pod, ConfigMap, "template of Deployment", "" for a file that is not Kubernetes
    verdict: str  # accepted, refused, other kind, not Kubernetes, defect
    reason: str = ""


def outcomes(directory: Path) -> Iterator[Outcome]:
    """Yield what becomes of everything below the directory."""
    for path in sorted(directory.rglob("*")):
        if path.suffix in _SUFFIXES and path.is_file():
            yield from of_file(path)


def of_file(path: Path) -> Iterator[Outcome]:
    """Yield what becomes of one file's objects."""
    try:
        documents = decode.documents(path.read_bytes(), limit_bytes=_LIMIT_BYTES)
    except EdgeletError as error:
        yield Outcome(str(path), "", "not Kubernetes", error.message)
        return
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
        yield Outcome(str(path), "", "defect", repr(error))
        return
    for document in documents:
        yield _of_document(str(path), document)


def _of_document(path: str, document: Mapping[str, Any]) -> Outcome:
    kind = str(document["kind"])
    if (document["apiVersion"], kind) == ("v1", kind) and kind in _ACTED_ON:
        return _judged(path, kind, document)
    template = _template(document)
    if template is None:
        return Outcome(path, kind, "other kind")
    return _judged(path, f"template of {kind}", template)


def _template(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pod that a controller would make of its template; None where there is none."""
    spec = document.get("spec")
    for step in ("jobTemplate", "spec") if document["kind"] == "CronJob" else ():
        spec = spec.get(step) if isinstance(spec, Mapping) else None
    template = spec.get("template") if isinstance(spec, Mapping) else None
    if not isinstance(template, Mapping) or not isinstance(template.get("spec"), Mapping):
        return None
    inner = dict(template["spec"])
    claims = spec.get("volumeClaimTemplates") if isinstance(spec, Mapping) else None
    for claim in claims or ():  # a StatefulSet's pods have a volume of each
        name = claim.get("metadata", {}).get("name")
        inner["volumes"] = [*inner.get("volumes", ()), {"name": name, "persistentVolumeClaim": {"claimName": name}}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "of-template"}, "spec": inner}


def _judged(path: str, what: str, document: Mapping[str, Any]) -> Outcome:
    kind = kinds.of_document(str(document["apiVersion"]), str(document["kind"]))
    if kind is None:
        return Outcome(path, what, "refused", "no such kind")
    metadata = document.get("metadata")
    named = {"namespace": "default", **metadata} if isinstance(metadata, Mapping) else metadata
    if isinstance(named, Mapping) and not named.get("name") and named.get("generateName"):
        named = {**named, "name": f"{named['generateName']}00000"}
    if isinstance(named, Mapping) and what == "Namespace":
        named = {key: value for key, value in named.items() if key != "namespace"}
    try:
        admit.admit({**document, "metadata": named}, kind, house=House(node_name=_node_of(document)))
    except InvalidObjectError as error:
        return Outcome(path, what, "refused", "; ".join(f"{one.path}: {one.message}" for one in error.faults))
    except EdgeletError as error:
        return Outcome(path, what, "refused", error.message)
    except Exception as error:  # noqa: BLE001  whatever it is, it is what is looked for
        return Outcome(path, what, "defect", repr(error))
    return Outcome(path, what, "accepted")


def _node_of(document: Mapping[str, Any]) -> str:
    """Return the node the pod is bound to: that it is another board's says nothing about the manifest."""
    spec = document.get("spec")
    name = spec.get("nodeName") if isinstance(spec, Mapping) else None
    return name if isinstance(name, str) and name else _NODE


def main(arguments: list[str]) -> int:
    """Print the refusals and the counts."""
    if not arguments:
        print(__doc__)
        return 2
    found = list(outcomes(Path(arguments[0])))
    for one in found:
        if one.verdict in {"refused", "defect", "not Kubernetes"} or "--verbose" in arguments:
            print(f"{one.verdict}: {one.path} {one.what}: {one.reason}")
    counts = Counter((one.verdict, one.what.partition(" of ")[0]) for one in found)
    for (verdict, what), count in sorted(counts.items()):
        if verdict != "other kind":
            print(f"{count:6} {verdict} {what}".rstrip())
    print(f"{sum(one.verdict == 'other kind' for one in found):6} other kinds")
    return 1 if any(one.verdict == "defect" for one in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
