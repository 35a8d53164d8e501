"""Kinds that a table says little about: ConfigMap, Secret, Namespace, and any other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from edgelet.cli import durations
from edgelet.cli.rows.columns import Columns, Document, created, name, part


def _any(document: Document, now: datetime) -> Sequence[str]:
    return (name(document), durations.age(created(document), now=now))


def _config_map(document: Document, now: datetime) -> Sequence[str]:
    count = len(part(document, "data") or {}) + len(part(document, "binaryData") or {})
    return (name(document), str(count), durations.age(created(document), now=now))


def _secret(document: Document, now: datetime) -> Sequence[str]:
    kind = str(part(document, "type") or "Opaque")
    return (name(document), kind, str(len(part(document, "data") or {})), durations.age(created(document), now=now))


def _namespace(document: Document, now: datetime) -> Sequence[str]:
    return (
        name(document),
        str(part(document, "status", "phase") or "Active"),
        durations.age(created(document), now=now),
    )


ANY = Columns(("NAME", "AGE"), _any)
CONFIG_MAPS = Columns(("NAME", "DATA", "AGE"), _config_map)
SECRETS = Columns(("NAME", "TYPE", "DATA", "AGE"), _secret)
NAMESPACES = Columns(("NAME", "STATUS", "AGE"), _namespace)
