from __future__ import annotations

from typing import Any

import pytest

from edgelet.intake.admission import walk
from edgelet.intake.admission.verdict import Beside, Only, Plain, Refused, Verdict

TABLE: dict[str, Verdict] = {
    "spec.containers": Plain.HONOURED,
    "spec.containers.probe": Refused("no probes"),
    "spec.containers.limits": Only(("cpu",), "no such resource", "pages-"),
    "spec.containers.medium": Only(("", "Memory"), "no such medium"),
    "spec.containers.size": Beside("medium", ("Memory",), "only in memory"),
    "spec.containers.policy": Beside("group", (), "needs a group", harmless=("Merge",)),
    "spec.initContainers.probe": Refused("not in init containers"),
    "spec.users": Refused("no users", harmless=(True,)),
    "spec.volume": Refused("no volume", harmless=()),
}


def _refused(**spec: Any) -> list[str]:
    return [str(fault) for fault in walk.refused(spec, TABLE)]


@pytest.mark.parametrize(
    ("spec", "faults"),
    [
        ({"containers": [{"name": "a"}, {"probe": {"x": 1}}]}, ["spec.containers[1].probe: Forbidden: no probes"]),
        (
            {"initContainers": [{"probe": {"x": 1}}]},
            ["spec.initContainers[0].probe: Forbidden: not in init containers"],
        ),
        (
            {"initContainers": [{"limits": {"cpu": 1, "pages-2Mi": 1, "gpu": 1}}]},
            ["spec.initContainers[0].limits[gpu]: Forbidden: no such resource"],
        ),
        ({"containers": [{"medium": "Paper"}]}, ['spec.containers[0].medium: Forbidden: "Paper": no such medium']),
        ({"containers": [{"medium": "Memory", "size": "1"}]}, []),
        ({"containers": [{"size": "1"}]}, ["spec.containers[0].size: Forbidden: only in memory"]),
        ({"containers": [{"policy": "Merge"}, {"policy": "Strict", "group": 0}]}, []),
        ({"containers": [{"policy": "Strict"}]}, ["spec.containers[0].policy: Forbidden: needs a group"]),
        ({"users": True}, []),
        ({"users": False}, ["spec.users: Forbidden: no users"]),
        ({"volume": {}}, ["spec.volume: Forbidden: no volume"]),
        ({"containers": [{"probe": {}}, {"probe": False}, {"probe": ""}, {"probe": []}]}, []),
        ({"unheard": {"of": 1}}, []),
    ],
)
def test_what_is_set_and_not_acted_on_is_refused_with_its_path(spec: dict[str, Any], faults: list[str]) -> None:
    assert _refused(**spec) == faults
