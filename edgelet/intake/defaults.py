"""What Kubernetes fills in where a manifest is silent: once, at the door, so that a stored object says all it means.

Source: Kubernetes pkg/apis/core/v1/defaults.go, and the admission step that names the service account.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from edgelet.api.quantity import Quantity
from edgelet.intake import image_reference

_DEFAULT_MODE = 0o644
_TOKEN_LIFE_S = 3600
_POD_LEVEL = ("cpu", "memory")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_PROBE_DEFAULTS = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
_WITH_MODE = ("secret", "configMap", "downwardAPI", "projected")


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of a document whose types are right, in place, and return it. Twice is once."""
    kind = document["kind"]
    if kind == "Pod":
        _pod_spec(document.setdefault("spec", {}))
    elif kind == "Secret":
        _secret(document)
    elif kind == "Namespace":
        labels = document["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = document["metadata"].get("name", "")
    return document


def _secret(document: dict[str, Any]) -> None:
    document.setdefault("type", "Opaque")
    written = document.pop("stringData", None)
    if written:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in written.items()}
        document["data"] = document.get("data", {}) | encoded


def _pod_spec(spec: dict[str, Any]) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    if spec.setdefault("terminationGracePeriodSeconds", 30) < 0:
        spec["terminationGracePeriodSeconds"] = 1  # a negative grace always meant the shortest one
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("enableServiceLinks", True)
    account = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = account
    for volume in spec.get("volumes", ()):
        _volume(volume)
    for container in containers(spec):
        _container(container)
        if spec.get("hostNetwork"):
            for port in container.get("ports", ()):
                port["hostPort"] = port.get("hostPort") or port["containerPort"]
    if "resources" in spec:
        _pod_resources(spec)


def containers(spec: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give all containers of a pod's spec, init containers first."""
    for name in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(name, ())


def _container(container: dict[str, Any]) -> None:
    container.setdefault("imagePullPolicy", image_reference.pull_policy(container.get("image", "")))
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
    for variable in container.get("env", ()):
        _field_source(variable.get("valueFrom", {}))
    _resources(container.setdefault("resources", {}))
    for probe in _PROBES:
        if probe in container:
            _probe(container[probe])
    for handler in container.get("lifecycle", {}).values():
        if isinstance(handler, dict):  # stopSignal stands beside the handlers
            _http_get(handler)


def _resources(resources: dict[str, Any]) -> None:
    for amounts in (resources.get("limits", {}), resources.get("requests", {})):
        for name, amount in amounts.items():
            amounts[name] = str(Quantity.parse(amount).rounded_up_to_milli())
    if resources.get("limits"):
        resources["requests"] = resources["limits"] | resources.get("requests", {})


def _pod_resources(spec: dict[str, Any]) -> None:
    """Fill in requests of the whole pod: what its containers ask for together, else the limit.

    Source: Kubernetes pkg/apis/core/v1/defaults.go setDefaultPodRequests.
    """
    whole = spec["resources"]
    together: dict[str, Quantity] = {}
    long_running = [one for one in spec.get("initContainers", ()) if one.get("restartPolicy") == "Always"]
    for container in (*long_running, *spec.get("containers", ())):
        for name, amount in container["resources"].get("requests", {}).items():
            if name in _POD_LEVEL:
                parsed = Quantity.parse(amount)
                together[name] = together[name] + parsed if name in together else parsed
    if whole.get("limits") or whole.get("requests"):
        whole["requests"] = {name: str(amount) for name, amount in together.items()} | whole.get("requests", {})
    _resources(whole)


def _probe(probe: dict[str, Any]) -> None:
    for name, default in _PROBE_DEFAULTS.items():
        probe[name] = probe.get(name) or default  # 0 is "not said" in Go
    _http_get(probe)
    if "grpc" in probe:
        probe["grpc"].setdefault("service", "")


def _http_get(handler: dict[str, Any]) -> None:
    if "httpGet" in handler:
        handler["httpGet"]["path"] = handler["httpGet"].get("path") or "/"
        handler["httpGet"].setdefault("scheme", "HTTP")


def _field_source(source: dict[str, Any]) -> None:
    if "fieldRef" in source:
        source["fieldRef"].setdefault("apiVersion", "v1")
    if "resourceFieldRef" in source:
        source["resourceFieldRef"].setdefault("divisor", "0")
    if "fileKeyRef" in source:
        source["fileKeyRef"].setdefault("optional", False)


def _volume(volume: dict[str, Any]) -> None:
    if len(volume) == 1:  # a name alone
        volume["emptyDir"] = {}
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    if "image" in volume:
        volume["image"].setdefault("pullPolicy", image_reference.pull_policy(volume["image"].get("reference", "")))
    for kind in _WITH_MODE:
        if kind in volume:
            volume[kind].setdefault("defaultMode", _DEFAULT_MODE)
    for item in volume.get("downwardAPI", {}).get("items", ()):
        _field_source(item)
    for projection in volume.get("projected", {}).get("sources", ()):
        for item in projection.get("downwardAPI", {}).get("items", ()):
            _field_source(item)
        if "serviceAccountToken" in projection:
            projection["serviceAccountToken"].setdefault("expirationSeconds", _TOKEN_LIFE_S)
