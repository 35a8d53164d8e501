"""Tables of objects as `kubectl get` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from edgelet.cli import tabwriter
from edgelet.cli.resources import Resource
from edgelet.cli.rows import events, nodes, plain, pods
from edgelet.cli.rows.columns import NONE, Columns, Document, labels, part

BY_KIND = {
    "Pod": pods.COLUMNS,
    "Node": nodes.COLUMNS,
    "Event": events.COLUMNS,
    "ConfigMap": plain.CONFIG_MAPS,
    "Secret": plain.SECRETS,
    "Namespace": plain.NAMESPACES,
}


@dataclass(frozen=True, slots=True)
class Style:
    """What the flags of `get` ask of a table."""

    wide: bool = False
    headers: bool = True
    with_namespace: bool = False
    with_kind: bool = False  # pod/web: several types in one answer
    show_labels: bool = False
    label_columns: tuple[str, ...] = ()


@dataclass(slots=True)
class Table:
    """The rows of one type. Column widths stay as wide as they were, so that rows printed later fit."""

    resource: Resource
    style: Style
    _widths: tuple[int, ...] = field(default=())
    _begun: bool = False

    def text(self, documents: Iterable[Document], *, now: datetime) -> str:
        """The rows of these objects, under the headers if these are the first."""
        columns = BY_KIND.get(self.resource.kind, plain.ANY)
        rows = [self._row(columns, document, now) for document in documents]
        if self.style.headers and not self._begun:
            rows.insert(0, self._headers(columns))
        self._begun = True
        text, self._widths = tabwriter.table(rows, self._widths)
        return text

    def _headers(self, columns: Columns) -> Sequence[str]:
        style = self.style
        return (
            *(("NAMESPACE",) if style.with_namespace else ()),
            *(columns.names[at] for at in columns.shown(wide=style.wide)),
            *(label.rpartition("/")[2].upper() for label in style.label_columns),
            *(("LABELS",) if style.show_labels else ()),
        )

    def _row(self, columns: Columns, document: Document, now: datetime) -> Sequence[str]:
        style = self.style
        cells = list(columns.cells(document, now))
        if style.with_kind and columns.names[0] == "NAME":
            cells[0] = f"{self.resource.qualified}/{cells[0]}"
        found = part(document, "metadata", "labels") or {}
        return (
            *((str(part(document, "metadata", "namespace") or ""),) if style.with_namespace else ()),
            *(cells[at] for at in columns.shown(wide=style.wide)),
            *(str(found.get(label, NONE)) for label in style.label_columns),
            *((labels(document),) if style.show_labels else ()),
        )
