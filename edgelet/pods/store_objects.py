"""ConfigMaps and Secrets from the store, as values."""

from __future__ import annotations

from edgelet.api.config_map import ConfigMap
from edgelet.api.secret import Secret
from edgelet.ports.object_store import Key, ObjectStore


class StoreObjects:
    """The `Objects` lookup over the object store. An object that is being deleted is still there."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        """Return the ConfigMap, None if there is none."""
        stored = self._store.get(Key("ConfigMap", namespace, name))
        return ConfigMap.model_validate(stored.document) if stored else None

    def secret(self, namespace: str, name: str) -> Secret | None:
        """Return the Secret, None if there is none. Raises ValueError where it is kept and cannot be read."""
        stored = self._store.get(Key("Secret", namespace, name))
        if stored is not None and stored.unreadable:
            raise ValueError(f'secret "{name}" cannot be read: {stored.unreadable}')
        return Secret.model_validate(stored.document) if stored else None
