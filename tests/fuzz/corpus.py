"""What a run begins with: the seeds of its target and, for manifests, whatever manifests there are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgelet.api.errors import EdgeletError
from edgelet.intake import decode
from scripts import try_manifests

ROOT = Path(__file__).parents[2]
SEEDS = ROOT / "tests" / "fuzz" / "seeds"
RICH = tuple(SEEDS / "manifest" / f"{name}.json" for name in ("rich", "host"))
WORDS = ROOT / "tests" / "fuzz" / "words"
CASES = ROOT / "tests" / "conformance" / "cases"
_EXAMPLES = ROOT / "configs" / "examples"
_SUFFIXES = frozenset({".yaml", ".yml", ".json"})
_LARGEST_BYTES = 32 * 1024
_KINDS = frozenset({"Pod", "ConfigMap", "Secret", "Namespace"})
_TOPICS = {"Pod": "pods", "ConfigMap": "configmaps", "Secret": "secrets"}


def seeds(target: str) -> tuple[Path, ...]:
    """Return the files that are kept for a target."""
    return tuple(sorted(path for path in (SEEDS / target).iterdir() if path.is_file()))


def words(target: str) -> list[bytes]:
    """Return what libFuzzer may put into an input of this target, besides bytes."""
    path = WORDS / f"{target}.txt"
    return path.read_bytes().splitlines() if path.exists() else []


def fill(corpus: Path, target: str, *, manifests: tuple[Path, ...]) -> int:
    """Put everything there is into a directory, each thing once; return how many."""
    corpus.mkdir(parents=True, exist_ok=True)
    found = [path.read_bytes() for path in seeds(target)]
    if target in {"manifest", "message"}:
        for directory in (CASES, _EXAMPLES, *manifests):
            found += _of_directory(directory, target)
    for data in found:
        (corpus / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)
    return len(set(found))


def _of_directory(directory: Path, target: str) -> Iterator[bytes]:
    for path in sorted(directory.rglob("*")):
        if path.suffix not in _SUFFIXES or not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            continue
        data = path.read_bytes()
        if target == "manifest" and directory != CASES:
            yield data
        for document in _objects(data):
            text = json.dumps(document).encode()
            yield text if target == "manifest" else _message(document, text)


def _objects(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file, of a conformance case, and the pods of templates."""
    try:
        values = decode.values(data, limit_bytes=1 << 20)
    except EdgeletError:
        return
    for value in values:
        if not isinstance(value, dict):
            continue
        for one in value.get("manifests") or [value]:
            if not isinstance(one, dict) or not isinstance(one.get("kind"), str):
                continue
            if one["kind"] in _KINDS:
                yield one
            elif (pod := try_manifests._template(one)) is not None:
                yield pod


def _message(document: dict[str, Any], text: bytes) -> bytes:
    metadata = document.get("metadata")
    said = metadata if isinstance(metadata, dict) else {}
    plural = _TOPICS.get(document["kind"], "namespaces")
    place = f"{said.get('namespace') or 'default'}/" if plural != "namespaces" else ""
    return f"desired/{plural}/{place}{said.get('name') or 'web'}\n".encode() + text
