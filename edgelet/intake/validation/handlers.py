"""Rules for probes and lifecycle hooks."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api import names
from edgelet.api.errors import FieldError
from edgelet.api.int_or_string import IntOrString
from edgelet.api.probe import HTTPGetAction, Lifecycle, LifecycleHandler, Probe
from edgelet.intake import faults

MAX_PORT = 65535
_MAX_INT32 = 2**31 - 1
_HANDLERS = {"exec": "exec", "http_get": "httpGet", "tcp_socket": "tcpSocket", "grpc": "grpc", "sleep": "sleep"}


def check_probe(probe: Probe, path: str) -> Iterator[FieldError]:
    """Check what holds for every probe."""
    yield from _handler(probe, path)
    numbers = (
        ("initialDelaySeconds", probe.initial_delay_seconds, 0),
        ("timeoutSeconds", probe.timeout_seconds, 1),
        ("periodSeconds", probe.period_seconds, 1),
        ("successThreshold", probe.success_threshold, 1),
        ("failureThreshold", probe.failure_threshold, 1),
        ("terminationGracePeriodSeconds", probe.termination_grace_period_seconds, 1),
    )
    for name, value, lowest in numbers:
        if value is not None and not lowest <= value <= _MAX_INT32:
            yield faults.out_of_range(f"{path}.{name}", value, lowest, _MAX_INT32)
    if probe.grpc is not None:
        yield from check_port(probe.grpc.port, f"{path}.grpc.port")


def check_single_success(probe: Probe, path: str) -> Iterator[FieldError]:
    """Check what holds for liveness and startup probes: one success is enough."""
    if probe.success_threshold not in (None, 1):
        yield faults.invalid(f"{path}.successThreshold", probe.success_threshold, "must be 1")


def check_lifecycle(lifecycle: Lifecycle, path: str, *, grace_s: int) -> Iterator[FieldError]:
    """Check hooks; a sleep must fit into the pod's grace."""
    for name, handler in (("postStart", lifecycle.post_start), ("preStop", lifecycle.pre_stop)):
        if handler is None:
            continue
        yield from _handler(handler, f"{path}.{name}")
        if handler.sleep is not None and not 0 <= handler.sleep.seconds <= grace_s:
            yield faults.invalid(
                f"{path}.{name}.sleep.seconds",
                handler.sleep.seconds,
                f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})",
            )


def _handler(handler: Probe | LifecycleHandler, path: str) -> Iterator[FieldError]:
    """Check that there is exactly one handler, and it."""
    given = [spelled for name, spelled in _HANDLERS.items() if getattr(handler, name, None) is not None]
    if not given:
        yield faults.required(path, "must specify a handler type")
    for extra in given[1:]:
        yield faults.forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    if handler.exec is not None and not handler.exec.command:
        yield faults.required(f"{path}.exec.command")
    if handler.http_get is not None:
        yield from _http_get(handler.http_get, f"{path}.httpGet")
    if handler.tcp_socket is not None:
        yield from check_port(handler.tcp_socket.port, f"{path}.tcpSocket.port")


def _http_get(action: HTTPGetAction, path: str) -> Iterator[FieldError]:
    if not action.path:
        yield faults.required(f"{path}.path")
    yield from check_port(action.port, f"{path}.port")
    for index, header in enumerate(action.http_headers):
        if not header.name or any(not ("!" <= mark <= "~") or mark in '()<>@,;:\\"/[]?={}' for mark in header.name):
            yield faults.invalid(
                f"{path}.httpHeaders[{index}].name", header.name, "a valid HTTP header must consist of token characters"
            )
        if "\r" in header.value or "\n" in header.value:
            yield faults.wrong_type(f"{path}.httpHeaders[{index}].value", "must not hold line ends")


def check_port(port: IntOrString, path: str) -> Iterator[FieldError]:
    """Check a port by number or by name."""
    if isinstance(port, int):
        if not 1 <= port <= MAX_PORT:
            yield faults.out_of_range(path, port, 1, MAX_PORT)
    elif fault := names.port_name(port):
        yield faults.invalid(path, port, fault)
