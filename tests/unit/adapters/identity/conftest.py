from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.field import FieldAuthority
from tests.unit.adapters.identity.program_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, FieldAuthority(tmp_path / "ca"))
