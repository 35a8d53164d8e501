"""Hold a pod's spec against the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_never

from edgelet.api.errors import FieldError
from edgelet.intake import faults, field_path
from edgelet.intake.admission.table import TABLE
from edgelet.intake.admission.verdict import Beside, Only, Plain, Refused, Verdict

_LIKE_CONTAINERS = ("spec.initContainers.", "spec.ephemeralContainers.")


def refused(spec: Mapping[str, Any], table: Mapping[str, Verdict] = TABLE) -> tuple[FieldError, ...]:
    """Return a fault for every field that is set and not acted on. Ask before defaults are filled in."""
    return tuple(_fields(spec, "spec", "spec", table))


def _fields(value: Any, path: str, pattern: str, table: Mapping[str, Verdict]) -> Iterator[FieldError]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _fields(item, field_path.join(path, index), pattern, table)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            inner, below = field_path.join(path, name), f"{pattern}.{name}"
            verdict = verdict_of(below, table)
            if verdict is None or isinstance(verdict, Plain):
                yield from _fields(item, inner, below, table)
            else:
                yield from _judge(item, value, inner, verdict)


def _judge(value: Any, parent: Mapping[str, Any], path: str, verdict: Verdict) -> Iterator[FieldError]:
    match verdict:
        case Refused(reason=reason, harmless=harmless):
            if not _is_one_of(value, (*harmless, [])):
                yield faults.forbidden(path, reason)
        case Only(reason=reason) if isinstance(value, Mapping):
            yield from (faults.forbidden(field_path.join(path, key), reason) for key in value if not verdict.has(key))
        case Only(reason=reason):
            if not verdict.has(value):
                yield faults.forbidden(path, f'"{value}": {reason}')
        case Beside(sibling=sibling, values=values, reason=reason, harmless=harmless):
            beside = parent.get(sibling)
            fits = beside in values if values else beside is not None
            if not fits and value not in harmless:
                yield faults.forbidden(path, reason)
        case Plain():
            return
        case _ as never:
            assert_never(never)


def _is_one_of(value: object, values: tuple[object, ...]) -> bool:
    """Whether the value is there, and of the same type: False is not 0."""
    return any(value == one and type(value) is type(one) for one in values)


def verdict_of(pattern: str, table: Mapping[str, Verdict] = TABLE) -> Verdict | None:
    """Return what the table says of a field; None where a field above it speaks for it."""
    if pattern in table:
        return table[pattern]
    for other in _LIKE_CONTAINERS:
        if pattern.startswith(other):
            return table.get(f"spec.containers.{pattern.removeprefix(other)}")
    return None
