"""/edgelet/v1/secrets: the node's public key for everybody who reaches the socket, changes of keys for root."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from edgelet.ports.local_api import Answer, Request, json_response
from edgelet.ports.sealing import SecretKeys
from edgelet.remote import refusal

log = logging.getLogger(__name__)

PATH = ("edgelet", "v1", "secrets")
_ROOT = 0


async def answer(request: Request, keys: SecretKeys) -> Answer:
    """GET tells of the keys, POST of rotate-key or rotate-sealing-key changes one. Raises EdgeletError."""
    action = request.segments[len(PATH) :]
    changes: dict[tuple[str, ...], Callable[[], Awaitable[None]]] = {
        ("rotate-key",): keys.rotate_node_key,
        ("rotate-sealing-key",): keys.rotate_sealing_key,
    }
    change = changes.get(action)
    if change is None and action:
        raise refusal.no_such_path()
    wanted = "POST" if change else "GET"
    if request.method != wanted:
        raise refusal.method_not_allowed(request.method, allowed=(wanted,))
    if change is not None:
        require_root(request)
        await change()
        log.info("a key was changed by the local API", extra={"action": action[0], "peer": str(request.peer)})
    return json_response(200, keys.describe())


def require_root(request: Request) -> None:
    """Refuse all but root: the socket's group works with pods, and Secrets are not its business. Raises Forbidden."""
    if request.peer.uid != _ROOT:
        message = f"secrets is forbidden: user {request.peer.uid} is not root"
        raise refusal.RefusedError(403, "Forbidden", message, details={"kind": "secrets"})
