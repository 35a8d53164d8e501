from __future__ import annotations

from edgelet.node import failure


def test_long_messages_and_long_lists_are_cut_and_the_rest_is_kept() -> None:
    causes = [{"field": f"spec.f{number}", "message": "y" * 5000, "reason": "R"} for number in range(50)]
    status = {"kind": "Status", "code": 422, "message": "x" * 5000, "details": {"name": "web", "causes": causes}}
    short = failure.shortened(status)
    assert len(short["message"]) == 1024
    assert short["message"].endswith("...")
    assert short["code"] == 422
    assert short["details"]["name"] == "web"
    assert len(short["details"]["causes"]) == 16
    assert {len(cause["message"]) for cause in short["details"]["causes"]} == {1024}
    assert len(causes) == 50


def test_a_short_status_stays_as_it_is() -> None:
    status = {"kind": "Status", "code": 400, "message": "no", "details": {"retryAfterSeconds": 5}}
    assert failure.shortened(status) == status
