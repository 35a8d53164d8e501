"""Probes and hooks: how a container is asked, and what is done around its start and stop."""

from __future__ import annotations

from typing import Literal

from edgelet.api.int_or_string import IntOrString
from edgelet.api.value import Items, Value


class ExecAction(Value):
    """A command inside the container, no shell; exit 0 is success."""

    command: Items[str] = ()


class HTTPHeader(Value):
    """One request header; an empty value removes a default one."""

    name: str
    value: str = ""


class HTTPGetAction(Value):
    """A GET; host "" is the pod's IP, port may be a name of the same container's ports."""

    path: str | None = None
    port: IntOrString
    host: str | None = None
    scheme: Literal["HTTP", "HTTPS"] | None = None
    http_headers: Items[HTTPHeader] = ()


class TCPSocketAction(Value):
    """A connection that is opened and closed."""

    port: IntOrString
    host: str | None = None


class GRPCAction(Value):
    """grpc.health.v1.Health/Check."""

    port: int
    service: str | None = None


class SleepAction(Value):
    """A pause."""

    seconds: int


class Probe(Value):
    """A question asked again and again. Exactly one of exec, http_get, tcp_socket, grpc."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int | None = None
    timeout_seconds: int | None = None
    period_seconds: int | None = None
    success_threshold: int | None = None
    failure_threshold: int | None = None
    termination_grace_period_seconds: int | None = None


class LifecycleHandler(Value):
    """What a hook does. Exactly one."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Value):
    """Hooks after the start and before the stop of a container."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None
