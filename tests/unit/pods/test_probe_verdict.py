from __future__ import annotations

import pytest

from edgelet.api.errors import ProbeError
from edgelet.pods import probe_verdict
from edgelet.pods.probe_verdict import Verdict
from edgelet.ports.probe_net import HealthReply, HttpReply
from edgelet.ports.runtime import ExecResult


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (ExecResult(0, b"fine"), Verdict("success", "fine")),
        (ExecResult(3, b"bad \xff"), Verdict("failure", "bad \ufffd")),
        (ExecResult(127, b""), Verdict("failure", "")),
        (
            ExecResult(0, b"", timed_out=True),
            Verdict("failure", 'command timed out: "sleep 10" timed out after 2s'),
        ),
    ],
)
def test_commands(result: ExecResult, verdict: Verdict) -> None:
    assert probe_verdict.of_exec(result, ("sleep", "10"), timeout_s=2.0) == verdict


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (199, Verdict("failure", "HTTP probe failed with statuscode: 199")),
        (200, Verdict("success")),
        (299, Verdict("success")),
        (302, Verdict("warning", "Probe terminated redirects, Response body: body")),
        (399, Verdict("warning", "Probe terminated redirects, Response body: body")),
        (400, Verdict("failure", "HTTP probe failed with statuscode: 400")),
        (503, Verdict("failure", "HTTP probe failed with statuscode: 503")),
    ],
)
def test_http_answers(status: int, verdict: Verdict) -> None:
    assert probe_verdict.of_http(HttpReply(status, b"body")) == verdict


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (HealthReply(0, serving="SERVING"), Verdict("success", "service healthy")),
        (
            HealthReply(0, serving="NOT_SERVING"),
            Verdict("failure", 'service unhealthy (responded with "NOT_SERVING")'),
        ),
        (
            HealthReply(12, "unknown"),
            Verdict(
                "failure",
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown",
            ),
        ),
        (HealthReply(4, "late"), Verdict("failure", "timeout: health rpc did not complete within 1s")),
        (
            HealthReply(5, "no such"),
            Verdict("failure", "error: health rpc probe failed: rpc error: code = NotFound desc = no such"),
        ),
        (
            HealthReply(99, "odd"),
            Verdict("failure", "error: health rpc probe failed: rpc error: code = Code(99) desc = odd"),
        ),
    ],
)
def test_grpc_answers(reply: HealthReply, verdict: Verdict) -> None:
    assert probe_verdict.of_health(reply, timeout_s=1.0) == verdict


def test_no_answer_is_a_failure() -> None:
    assert probe_verdict.of_silence(ProbeError("dial tcp: no")) == Verdict("failure", "dial tcp: no")
