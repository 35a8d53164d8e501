"""What an answer means to a probe, in the kubelet's words. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from edgelet.api.errors import ProbeError
from edgelet.ports.probe_net import HealthReply, HttpReply
from edgelet.ports.runtime import ExecResult

_UNIMPLEMENTED, _DEADLINE_EXCEEDED = 12, 4
_UNAVAILABLE_CODES = {1: "Canceled", 2: "Unknown", 5: "NotFound", 7: "PermissionDenied", 13: "Internal"} | {
    14: "Unavailable",
    16: "Unauthenticated",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer, judged. A warning counts as success."""

    outcome: Literal["success", "warning", "failure"]
    output: str = ""


def of_exec(result: ExecResult, argv: tuple[str, ...], *, timeout_s: float) -> Verdict:
    """Judge a command. Source: Kubernetes pkg/probe/exec."""
    if result.timed_out:
        return Verdict("failure", f'command timed out: "{" ".join(argv)}" timed out after {timeout_s:g}s')
    return Verdict("failure" if result.exit_code else "success", result.output.decode(errors="replace"))


def of_http(reply: HttpReply) -> Verdict:
    """Judge an HTTP answer. Source: Kubernetes pkg/probe/http DoHTTPProbe."""
    if HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
        return Verdict("success")
    if HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST:
        body = reply.body.decode(errors="replace")
        return Verdict("warning", f"Probe terminated redirects, Response body: {body}")
    return Verdict("failure", f"HTTP probe failed with statuscode: {reply.status}")


def of_health(reply: HealthReply, *, timeout_s: float) -> Verdict:
    """Judge a gRPC answer. Source: Kubernetes pkg/probe/grpc."""
    if reply.code == _UNIMPLEMENTED:
        words = "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"
        return Verdict("failure", f"{words}: {reply.message}")
    if reply.code == _DEADLINE_EXCEEDED:
        return Verdict("failure", f"timeout: health rpc did not complete within {timeout_s:g}s")
    if reply.code:
        code = _UNAVAILABLE_CODES.get(reply.code, f"Code({reply.code})")
        error = f"rpc error: code = {code} desc = {reply.message}"
        return Verdict("failure", f"error: health rpc probe failed: {error}")
    if reply.serving != "SERVING":
        return Verdict("failure", f'service unhealthy (responded with "{reply.serving}")')
    return Verdict("success", "service healthy")


def of_silence(error: ProbeError) -> Verdict:
    """Judge that there was no answer."""
    return Verdict("failure", error.message)
