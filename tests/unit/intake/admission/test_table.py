from __future__ import annotations

import pytest

from edgelet.api.container import Container
from edgelet.api.pod import PodSpec
from edgelet.api.value import Value
from edgelet.api.volume import Volume
from edgelet.intake.admission import walk
from edgelet.intake.admission.table import TABLE
from edgelet.intake.conform import shapes


@pytest.mark.parametrize(
    ("model", "path"), [(PodSpec, "spec"), (Container, "spec.containers"), (Volume, "spec.volumes")]
)
def test_every_field_there_is_has_a_verdict(model: type[Value], path: str) -> None:
    silent = [name for name in shapes(model) if walk.verdict_of(f"{path}.{name}") is None]

    assert silent == []


def test_every_verdict_is_about_a_field_there_is() -> None:
    for pattern in TABLE:
        model: type[Value] | None = PodSpec
        for step in pattern.split(".")[1:]:
            assert model is not None, pattern
            shape = shapes(model).get(step)
            assert shape is not None, pattern
            model = shape.model
