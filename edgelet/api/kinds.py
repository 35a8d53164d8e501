"""The kinds there are: their names in every spelling, and whether this agent acts on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Support = Literal["acted", "later", "read-only"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `support`: acted on, not yet acted on (refused with a clear word), or made by the agent itself."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()
    api_version: str = "v1"
    namespaced: bool = True
    support: Support = "acted"

    @property
    def group(self) -> str:
        """The API group; "" is the core group."""
        return self.api_version.rpartition("/")[0]


_APPS, _BATCH, _NETWORKING = "apps/v1", "batch/v1", "networking.k8s.io/v1"

KINDS = (
    Kind("Pod", "pods", "pod", ("po",)),
    Kind("ConfigMap", "configmaps", "configmap", ("cm",)),
    Kind("Secret", "secrets", "secret"),
    Kind("Namespace", "namespaces", "namespace", ("ns",), namespaced=False),
    Kind("Node", "nodes", "node", ("no",), namespaced=False, support="read-only"),
    Kind("Event", "events", "event", ("ev",), support="read-only"),
    Kind("Service", "services", "service", ("svc",), support="later"),
    Kind("PersistentVolume", "persistentvolumes", "persistentvolume", ("pv",), namespaced=False, support="later"),
    Kind("PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaim", ("pvc",), support="later"),
    Kind("Deployment", "deployments", "deployment", ("deploy",), _APPS, support="later"),
    Kind("ReplicaSet", "replicasets", "replicaset", ("rs",), _APPS, support="later"),
    Kind("DaemonSet", "daemonsets", "daemonset", ("ds",), _APPS, support="later"),
    Kind("StatefulSet", "statefulsets", "statefulset", ("sts",), _APPS, support="later"),
    Kind("Job", "jobs", "job", (), _BATCH, support="later"),
    Kind("CronJob", "cronjobs", "cronjob", ("cj",), _BATCH, support="later"),
    Kind("Ingress", "ingresses", "ingress", ("ing",), _NETWORKING, support="later"),
)

_BY_KIND = {kind.kind: kind for kind in KINDS}
_BY_WORD = {word: kind for kind in KINDS for word in (kind.plural, kind.singular, *kind.short_names)}


def of_kind(kind: str) -> Kind | None:
    """Return the kind of a CamelCase name."""
    return _BY_KIND.get(kind)


def of_document(api_version: str, kind: str) -> Kind | None:
    """Return the kind of a document's apiVersion and kind; both must fit."""
    found = _BY_KIND.get(kind)
    return found if found is not None and found.api_version == api_version else None


def of_word(word: str) -> Kind | None:
    """Return the kind a person means: pods, pod, po, Pod, deployments.apps ..."""
    name = word.lower()
    found = _BY_WORD.get(name)
    if found is None and "." in name:
        name, _, group = name.partition(".")
        found = _BY_WORD.get(name)
        found = found if found is not None and found.group == group else None
    return found
