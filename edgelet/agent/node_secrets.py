"""The node's keys through their life: opened before the database, settled after it, told about, changed on demand."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from edgelet.adapters.sealing.node_keys import NodeKeys
from edgelet.adapters.sealing.sealing_keys import SealingKeys
from edgelet.adapters.sqlite.store import SqliteStore
from edgelet.agent.engine import owner
from edgelet.api.errors import EdgeletError
from edgelet.config.secrets import CREDENTIAL
from edgelet.config.settings import Settings
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key

log = logging.getLogger(__name__)

_DIRECTORY = "secrets"
_NODE_KEY = "node.key"
_SEALING_KEYS = "sealing.keys"
_TOLD_MAX = 20  # unreadable Secrets that have an Event of their own; all are counted


class NodeSecrets:
    """ports.sealing.SecretKeys: both sorts of keys, and the store whose Secrets they seal."""

    def __init__(self, settings: Settings, node_keys: NodeKeys, sealing: SealingKeys) -> None:
        self.node_keys = node_keys
        self.sealing = sealing
        self._node = owner(settings)
        self._store: SqliteStore | None = None
        self._changing = asyncio.Lock()
        self._told: Callable[[], None] = lambda: None

    @classmethod
    def open(cls, settings: Settings, environ: Mapping[str, str]) -> NodeSecrets:
        """Read the keys, and make those that are missing. Blocking. A board where that cannot be goes on without."""
        folder = settings.paths.state / _DIRECTORY
        default = folder / _NODE_KEY
        setting = settings.secrets.node_key
        if setting == CREDENTIAL:
            given = environ.get("CREDENTIALS_DIRECTORY", "")
            node_keys = NodeKeys.of_credentials(Path(given) if given else None, default=default)
        else:
            node_keys = NodeKeys.of_file(Path(setting) if setting else default, default=default)
        sealing = SealingKeys.load(
            folder / _SEALING_KEYS,
            node=owner(settings),
            kept=settings.secrets.sealing_keys,
            node_keys=node_keys,
            protect=setting == CREDENTIAL,
        )
        return cls(settings, node_keys, sealing)

    def settle(self, store: SqliteStore) -> None:
        """Take the open store; keys that nothing needs any more are destroyed."""
        self._store = store
        if store.not_sealed or not self.node_keys.unsettled:
            return
        try:
            self.node_keys.settle()
        except OSError as error:
            log.warning("an old node key cannot be removed", extra={"error": str(error)})

    def listen(self, told: Callable[[], None]) -> None:
        """Have it told when the public key changes."""
        self._told = told

    @property
    def public_key(self) -> str:
        """What others seal for, base64; "" where there is none."""
        return base64.b64encode(self.sealing.public_key).decode()

    @property
    def trouble(self) -> str:
        """What is wrong, for people; "" where nothing is."""
        unreadable = self._store.unreadable if self._store else ()
        if not self.node_keys.key:
            return f"{self.node_keys.trouble}: Secrets can be neither kept nor read"
        if unreadable:
            return f"{len(unreadable)} Secrets cannot be read: {unreadable[0].key}: {unreadable[0].unreadable}"
        return self.sealing.trouble

    def describe(self) -> dict[str, object]:
        """Return what may be told of the keys."""
        return {
            "node": self._node,
            "publicKey": self.public_key,
            "sealingKeys": list(self.sealing.ids),
            "nodeKey": self.node_keys.key,
            "unreadable": len(self._store.unreadable) if self._store else 0,
            "trouble": self.trouble,
        }

    async def follow(self, told: Callable[[], None]) -> None:
        """Have it told whenever Secrets come back that could not be read, until all are there."""
        store = self._store
        if store is None or not store.unreadable:
            return
        with store.watch("Secret") as changes:
            async for _ in changes:
                told()
                if not store.unreadable:
                    return

    async def rotate_node_key(self) -> None:
        """Seal everything under a new key, then destroy the old one; cut off, it goes on at the next start.

        Raises:
            EdgeletError: MethodNotAllowed for a credential; the disk refuses.
        """
        if self._store is None:
            raise EdgeletError("ServiceUnavailable", "cannot change the node key: the database is not open")
        async with self._changing:
            await asyncio.to_thread(self.node_keys.begin)
            await self._store.seal_again()
            try:
                await asyncio.to_thread(self.node_keys.settle)
            except OSError as error:
                raise EdgeletError("CannotPrepare", f"cannot destroy the old node key: {error}") from error
        log.info("Secrets are sealed under a new node key", extra={"key": self.node_keys.key})

    async def rotate_sealing_key(self) -> None:
        """Publish a new public key. Raises EdgeletError."""
        async with self._changing:
            await asyncio.to_thread(self.sealing.rotate)
        self._told()
        log.info("a new sealing key is published", extra={"key": self.sealing.ids[0]})


def tell(secrets: NodeSecrets, store: SqliteStore, events: EventSink, node: Key) -> None:
    """Record what is wrong with the keys, and what became of Secrets in clear, as Events."""

    def record(reason: str, message: str) -> None:
        events.record(node, "", type="Warning", reason=reason, message=message)

    for trouble in secrets.node_keys.passed_over:
        record("NodeKeyUnusable", f"{trouble}; the agent goes on without it")
    for path in secrets.node_keys.set_aside:
        record("NodeKeyUnusable", f"A node key's file held no key; it is kept as {path}")
    for path in secrets.sealing.set_aside:
        message = f"The file of the sealing keys was damaged, there is a new key; the file is kept as {path}"
        record("SealingKeysUnusable", f"{message}: what was sealed for this node has to be sealed anew")
    if secrets.trouble:
        record("SecretsUnreadable", f"{secrets.trouble}; what runs goes on, and the sources are asked again")
    for one in store.unreadable[:_TOLD_MAX]:
        message = f"It cannot be read: {one.unreadable}; it is taken again from where it came"
        events.record(one.key, one.uid, type="Warning", reason="Unreadable", message=message)
    if store.not_sealed:
        record("SecretsNotSealed", f"Secrets may lie in clear or under an old key: {store.not_sealed}")
    for path in store.erased:
        record("ClearSecretsErased", f"{path} held Secrets in clear and was erased")


async def rotate_stopped(settings: Settings, open_store: Callable[[NodeSecrets], SqliteStore]) -> str:
    """Change the node key of an agent that does not run; returns the new key's id. Raises EdgeletError."""
    secrets = NodeSecrets.open(settings, os.environ)
    store = open_store(secrets)
    try:
        secrets.settle(store)
        await secrets.rotate_node_key()
    finally:
        await store.close()
    return secrets.node_keys.key
