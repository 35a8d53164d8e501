"""Probes in one line. Source: kubectl pkg/describe DescribeProbe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def text(probe: Mapping[str, Any]) -> str:
    """`http-get http://:80/ delay=0s timeout=1s period=10s #success=1 #failure=3`."""
    numbers = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 1)}s "
        f"period={probe.get('periodSeconds', 10)}s #success={probe.get('successThreshold', 1)} "
        f"#failure={probe.get('failureThreshold', 3)}"
    )
    return f"{_action(probe)} {numbers}"


def _action(probe: Mapping[str, Any]) -> str:
    if command := probe.get("exec"):
        return f"exec [{' '.join(map(str, command.get('command') or []))}]"
    if http := probe.get("httpGet"):
        scheme = str(http.get("scheme", "HTTP")).lower()
        return f"http-get {scheme}://{http.get('host', '')}:{http.get('port', '')}{http.get('path', '/')}"
    if tcp := probe.get("tcpSocket"):
        return f"tcp-socket {tcp.get('host', '')}:{tcp.get('port', '')}"
    if grpc := probe.get("grpc"):
        return f"grpc <pod>:{grpc.get('port')} {grpc.get('service', '')}"
    return "unknown"
