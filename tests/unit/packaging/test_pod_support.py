from __future__ import annotations

import pytest

from edgelet.api.container import Container
from edgelet.api.pod import PodSpec
from edgelet.api.value import Value
from edgelet.api.volume import Volume
from edgelet.intake.admission.table import TABLE
from scripts import pod_support


def test_the_document_is_what_the_code_says() -> None:
    assert pod_support.PATH.read_text() == pod_support.text(), "stale: run python -m scripts.pod_support"


@pytest.mark.parametrize("model", [PodSpec, Container, Volume])
def test_every_field_has_a_row(model: type[Value]) -> None:
    text = pod_support.text()
    names = [field.alias or name for name, field in model.model_fields.items()]
    assert [name for name in names if f"| `{name}` | " not in text] == []


def test_every_reason_is_told() -> None:
    text = pod_support.text()
    reasons = {reason for verdict in TABLE.values() if (reason := getattr(verdict, "reason", ""))}
    assert [reason for reason in reasons if reason not in text] == []
