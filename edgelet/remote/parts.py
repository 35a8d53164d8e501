"""What the local API is built from: ports, and what other bands lend it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from edgelet.api.errors import EdgeletError
from edgelet.ports.clock import Clock
from edgelet.ports.kept_certificate import KeptCertificate
from edgelet.ports.log_files import LogFiles
from edgelet.ports.object_store import Document, Key, ObjectStore, StoredObject
from edgelet.ports.runtime import Runtime
from edgelet.ports.sealing import SecretKeys


class Accepted(Protocol):
    """An object that was taken in."""

    @property
    def object(self) -> StoredObject: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    @property
    def created(self) -> bool: ...


class Reception(Protocol):
    """The one door through which objects change. Raises EdgeletError; nothing has changed then."""

    def read(self, payload: bytes, *, content_type: str) -> tuple[Document, ...]:
        """Decode JSON or YAML; `List`s are opened, empty documents left out."""
        ...

    async def apply(
        self,
        document: Document,
        *,
        source: str,
        digest: str = "",
        default_namespace: str = "default",
        strict: bool = False,
        dry_run: bool = False,
    ) -> Accepted: ...

    async def create(
        self, document: Document, *, source: str, default_namespace: str, strict: bool, dry_run: bool
    ) -> Accepted:
        """Store a new object; ConflictError(AlreadyExists) where there is one."""
        ...

    async def replace(
        self, document: Document, *, source: str, default_namespace: str, strict: bool, dry_run: bool
    ) -> Accepted:
        """Replace an object; NotFoundError where there is none, ConflictError for another metadata.resourceVersion."""
        ...

    async def patch(self, key: Key, patch: Any, *, patch_type: str, subresource: str, source: str) -> Accepted:
        """Change a part; `patch_type` is merge, strategic or json; a `subresource` changes what it is for."""
        ...

    async def delete(self, key: Key, *, source: str, grace_s: int | None, uid: str | None) -> object:
        """Ask for deletion; `grace_s` None is the object's own. What is left of it stands in the store."""
        ...


class EventLog(Protocol):
    """Kubernetes Events in memory, as documents."""

    def list(self, namespace: str | None) -> tuple[Document, ...]: ...

    def listen(self, listener: Callable[[Document], None]) -> Callable[[], None]:
        """Have each new or counted Event told; returns what ends it."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the API needs; wired in agent/."""

    store: ObjectStore
    reception: Reception
    error_to_status: Callable[[EdgeletError], tuple[int, Document]]
    events: EventLog
    node: Callable[[], Document]  # the Node object, status included
    node_metrics: Callable[[], Awaitable[Document]]  # NodeMetrics of metrics.k8s.io/v1beta1
    pod_metrics: Callable[[], Awaitable[tuple[Document, ...]]]  # PodMetrics, all namespaces
    runtime: Runtime
    log_files: LogFiles
    clock: Clock
    version: str  # edgelet's
    secrets: SecretKeys | None = None
    certificate: Callable[[], KeptCertificate | None] = lambda: None  # of the link, where it has one
    ready: Callable[[], str] = lambda: ""  # why the agent is not ready yet; "" = it is
