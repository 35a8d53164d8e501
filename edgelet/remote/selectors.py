"""Label and field selectors: parsed once a request, matched against documents. Pure.

Source: k8s.io/apimachinery pkg/labels (equality and set-based requirements, comma = and) and pkg/fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from edgelet.ports.object_store import Document
from edgelet.remote.refusal import bad_request

Operator = Literal["in", "notin", "exists", "absent"]

LIMIT_CHARS = 8192
_KEY = r"(?:[A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
_SET = re.compile(rf"\s*({_KEY})\s+(in|notin)\s*\(([^()]*)\)\s*")
_EQUAL = re.compile(rf"\s*({_KEY})\s*(==|=|!=)\s*({_VALUE})\s*")
_EXISTS = re.compile(rf"\s*(!?)\s*({_KEY})\s*")
_ONE_VALUE = re.compile(_VALUE)

_FIELDS_OF_ALL = frozenset({"metadata.name", "metadata.namespace"})
_FIELDS = {
    "Pod": frozenset({"status.phase", "spec.nodeName", "spec.restartPolicy", "status.podIP"}),
    "Secret": frozenset({"type"}),
    "Namespace": frozenset({"status.phase"}),
    "Node": frozenset({"spec.unschedulable"}),
    "Event": frozenset(
        {f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion", "fieldPath")}
        | {"reason", "type", "reportingComponent", "source"}
    ),
}


@dataclass(frozen=True, slots=True)
class LabelRequirement:
    """One condition on one label."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether labels fulfil it. As in Kubernetes, `!=` and `notin` also hold where the label is not there."""
        present = self.key in labels
        match self.operator:
            case "in":
                return present and labels[self.key] in self.values
            case "notin":
                return not present or labels[self.key] not in self.values
            case "exists":
                return present
            case "absent":
                return not present


@dataclass(frozen=True, slots=True)
class FieldRequirement:
    """One condition on one field; a missing field is the empty string."""

    path: str
    value: str
    equal: bool

    def matches(self, document: Document) -> bool:
        """Whether a document fulfils it."""
        return (_field(document, self.path) == self.value) is self.equal


@dataclass(frozen=True, slots=True)
class Selector:
    """All of it must hold."""

    labels: tuple[LabelRequirement, ...] = ()
    fields: tuple[FieldRequirement, ...] = ()

    def matches(self, document: Document) -> bool:
        """Whether a document is meant."""
        labels = document.get("metadata", {}).get("labels") or {}
        return all(one.matches(labels) for one in self.labels) and all(one.matches(document) for one in self.fields)


EVERYTHING = Selector()


def parse(*, labels: str, fields: str, kind: str) -> Selector:
    """Parse both; empty texts select everything.

    Raises:
        RefusedError: 400, a selector that cannot be read, or a field that cannot be selected by.
    """
    if len(labels) + len(fields) > LIMIT_CHARS:
        raise bad_request(f"selectors longer than {LIMIT_CHARS} characters")
    return Selector(parse_labels(labels), parse_fields(fields, kind=kind))


def parse_labels(text: str) -> tuple[LabelRequirement, ...]:
    """Parse `a=b,c!=d,e in (f,g),h,!i`."""
    found: list[LabelRequirement] = []
    at = 0
    while text[at:].strip():
        if found:
            if text[at] != ",":
                raise bad_request(f"unable to parse requirement: expected a comma at {text[at:][:40]!r}")
            at += 1
        requirement, at = _requirement(text, at)
        found.append(requirement)
    return tuple(found)


def parse_fields(text: str, *, kind: str) -> tuple[FieldRequirement, ...]:
    """Parse `metadata.name=web,status.phase!=Running`."""
    found = []
    for term in (part.strip() for part in text.split(",")):
        if not term:
            continue
        match = re.fullmatch(r"([A-Za-z.]+)\s*(==|=|!=)\s*(.*)", term)
        if match is None:
            raise bad_request(f"invalid field selector: {term!r}; can't understand it")
        path, operator, value = match.groups()
        if path not in _FIELDS_OF_ALL and path not in _FIELDS.get(kind, ()):
            raise bad_request(f'field label "{path}" not supported for {kind}')
        found.append(FieldRequirement(path, value, equal=operator != "!="))
    return tuple(found)


def _requirement(text: str, at: int) -> tuple[LabelRequirement, int]:
    if match := _SET.match(text, at):
        values = frozenset(value.strip() for value in match[3].split(","))
        if not all(_ONE_VALUE.fullmatch(value) for value in values):
            raise bad_request(f"unable to parse requirement: bad label value in {match[0].strip()!r}")
        operator: Operator = "in" if match[2] == "in" else "notin"
        return LabelRequirement(match[1], operator, values), match.end()
    if (match := _EQUAL.match(text, at)) and _ended(text, match.end()):
        operator = "notin" if match[2] == "!=" else "in"
        return LabelRequirement(match[1], operator, frozenset({match[3]})), match.end()
    if (match := _EXISTS.match(text, at)) and _ended(text, match.end()):
        return LabelRequirement(match[2], "absent" if match[1] else "exists"), match.end()
    raise bad_request(f"unable to parse requirement: {text[at:][:80]!r}")


def _ended(text: str, at: int) -> bool:
    return at == len(text) or text[at] == ","


def _field(document: Document, path: str) -> str:
    if path == "source":  # an Event's component
        path = "source.component"
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
