"""The local API's parts, put together."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from edgelet import __version__
from edgelet.adapters.host.log_files import HostLogFiles
from edgelet.adapters.local_api.limits import ServerLimits
from edgelet.adapters.local_api.server import LocalApiServer
from edgelet.agent.pod_path import Foundation
from edgelet.api.errors import EdgeletError
from edgelet.config.api import host_and_port
from edgelet.intake import refusal
from edgelet.intake.reception import Reception
from edgelet.ports.object_store import Document
from edgelet.ports.sealing import SecretKeys
from edgelet.remote.api import LocalApi
from edgelet.remote.parts import Parts

if TYPE_CHECKING:
    from edgelet.adapters.local_api.tcp_door import TcpDoor


log = logging.getLogger(__name__)


def make(
    base: Foundation, reception: Reception, *, adopted: asyncio.Event, secrets: SecretKeys | None = None
) -> LocalApiServer:
    """Return the server, not listening yet. `adopted` is set when every pod has been looked at once."""
    settings = base.settings

    async def node_metrics() -> Document:
        return (await base.board.metrics()).node

    async def pod_metrics() -> tuple[Document, ...]:
        return (await base.board.metrics()).pods

    parts = Parts(
        store=base.store,
        reception=reception,
        error_to_status=refusal.answer,
        events=base.events,
        node=base.board.document,
        node_metrics=node_metrics,
        pod_metrics=pod_metrics,
        runtime=base.gate,
        log_files=HostLogFiles(settings.paths.logs),
        clock=base.clock,
        secrets=secrets,
        certificate=lambda: base.board.certificate,
        version=__version__,
        ready=lambda: base.gate.trouble or ("" if adopted.is_set() else "the pods have not been looked at yet"),
    )
    limits = ServerLimits(connections=settings.api.connections, body_bytes=settings.api.max_body_bytes)
    return LocalApiServer(
        LocalApi(parts),
        path=settings.api_socket,
        group=settings.api.group,
        users=settings.api.users,
        limits=limits,
        tcp=_tcp_door(base),
    )


def _tcp_door(base: Foundation) -> TcpDoor | None:
    """Return the way in by TCP; None where nobody asked for it, or where its files cannot be used: pods matter more."""
    api = base.settings.api
    where = host_and_port(api.tcp_listen)
    if where is None or api.tcp_cert is None or api.tcp_key is None or api.tcp_client_ca is None:
        return None
    from edgelet.adapters.local_api.tcp_door import TcpDoor, TcpFiles  # noqa: PLC0415  ssl: 5 MB

    files = TcpFiles(certificate=api.tcp_cert, key=api.tcp_key, client_ca=api.tcp_client_ca, crl=api.tcp_crl)
    try:
        return TcpDoor(*where, files=files, clients=frozenset(api.tcp_clients))
    except EdgeletError as error:
        log.error("nothing listens on TCP", extra={"reason": error.reason, "error": error.message})  # noqa: TRY400
        base.events.record(base.board.key, "", type="Warning", reason=error.reason, message=error.message)
        return None
