from __future__ import annotations

from datetime import timedelta

import pytest

from edgelet.api.errors import (
    ConflictError,
    DecodeError,
    EdgeletError,
    FieldError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    StorageError,
    TooLargeError,
)
from edgelet.intake import refusal


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (DecodeError("x"), 400, "BadRequest"),
        (ForbiddenError("x"), 403, "Forbidden"),
        (NotFoundError("x"), 404, "NotFound"),
        (ConflictError("x"), 409, "Conflict"),
        (ConflictError("x", reason="AlreadyExists"), 409, "AlreadyExists"),
        (TooLargeError("x"), 413, "RequestEntityTooLarge"),
        (InvalidObjectError("Pod", "x", ()), 422, "Invalid"),
        (StorageError("x"), 507, "InsufficientStorage"),
        (EdgeletError("NeverHeardOf", "x"), 500, "NeverHeardOf"),
    ],
)
def test_every_error_has_its_code(error: EdgeletError, code: int, reason: str) -> None:
    found, document = refusal.answer(error)

    assert found == document["code"] == code
    assert document["reason"] == reason
    assert (document["kind"], document["apiVersion"], document["status"]) == ("Status", "v1", "Failure")


def test_faults_are_causes_with_their_fields() -> None:
    fault = FieldError("spec.containers[1].ports[0].hostPort", "70000 is not in 1..65535")

    _, document = refusal.answer(InvalidObjectError("Pod", "web", (fault,)))

    assert document["message"] == (
        'Pod "web" is invalid: spec.containers[1].ports[0].hostPort: 70000 is not in 1..65535'
    )
    assert document["details"] == {
        "name": "web",
        "kind": "Pod",
        "causes": [
            {
                "reason": "FieldValueInvalid",
                "message": "70000 is not in 1..65535",
                "field": "spec.containers[1].ports[0].hostPort",
            }
        ],
    }


def test_when_to_come_back_is_said_in_whole_seconds() -> None:
    _, document = refusal.answer(StorageError("full", retry_after=timedelta(seconds=1.2)))

    assert document["details"] == {"retryAfterSeconds": 2}


def test_ten_thousand_faults_are_cut() -> None:
    faults = tuple(FieldError(f"data[{index}]", "x") for index in range(10_000))

    _, document = refusal.answer(InvalidObjectError("ConfigMap", "a", faults))

    assert len(document["details"]["causes"]) == 100
