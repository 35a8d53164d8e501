"""The targets by name: each takes bytes as a stranger may send them, and fails if anything gives way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.fuzz.targets import (
    certificate,
    csr,
    enrolment,
    env_file,
    envelope,
    frames,
    grpc_answer,
    http_answer,
    image_reference,
    index,
    join_line,
    jsonpath,
    log_lines,
    manifest,
    message,
    patch,
    quantity,
    request,
    revocation_list,
    sealed,
    selector,
)

Target = Callable[[bytes], None]

TARGETS: Mapping[str, Target] = {
    "manifest": manifest.try_input,
    "message": message.try_input,
    "request": request.try_input,
    "sealed": sealed.try_input,
    "frames": frames.try_input,
    "patch": patch.try_input,
    "selector": selector.try_input,
    "jsonpath": jsonpath.try_input,
    "image_reference": image_reference.try_input,
    "quantity": quantity.try_input,
    "env_file": env_file.try_input,
    "log_lines": log_lines.try_input,
    "http_answer": http_answer.try_input,
    "grpc_answer": grpc_answer.try_input,
    "envelope": envelope.try_input,
    "index": index.try_input,
    "join_line": join_line.try_input,
    "enrolment": enrolment.try_input,
    "csr": csr.try_input,
    "certificate": certificate.try_input,
    "revocation_list": revocation_list.try_input,
}
