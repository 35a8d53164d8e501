from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import kinds
from edgelet.api.errors import EdgeletError
from edgelet.intake import admit, decode
from edgelet.intake.admit import House
from scripts import try_manifests

POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
}
FURTHER = Path(os.environ.get("EDGELET_TRY_MANIFESTS", "") or Path(__file__).parents[3] / "configs" / "examples")


def _counts(directory: Path) -> Counter[tuple[str, str]]:
    return Counter((one.verdict, one.what) for one in try_manifests.outcomes(directory))


def test_what_becomes_of_each_object_is_counted(tmp_path: Path) -> None:
    template = {"spec": {"template": {"spec": {"containers": [{"name": "C!", "image": "i"}]}}}}
    stream = [POD, {"apiVersion": "v1", "kind": "Service"}, {"apiVersion": "apps/v1", "kind": "Deployment", **template}]
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "stream.yaml").write_text("\n---\n".join(map(json.dumps, stream)))
    (tmp_path / "text.json").write_text("{")
    (tmp_path / "read.me").write_text("no manifest")
    assert _counts(tmp_path) == {
        ("accepted", "Pod"): 1,
        ("other kind", "Service"): 1,
        ("refused", "template of Deployment"): 1,
        ("not Kubernetes", ""): 1,
    }


def test_the_path_and_the_reason_of_a_refusal_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(json.dumps({**POD, "spec": {"containers": []}}))
    assert try_manifests.main([str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert f"refused: {tmp_path}/a.yaml Pod: spec.containers: Required value" in printed
    assert "1 refused Pod" in printed


def test_no_manifest_finds_a_defect() -> None:
    assert list(try_manifests.outcomes(FURTHER)), FURTHER
    assert [one for one in try_manifests.outcomes(FURTHER) if one.verdict == "defect"] == []


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_a_pod_with_junk_anywhere_is_admitted_or_refused(data: st.DataObject) -> None:
    document = json.loads(json.dumps(POD))
    document["spec"] |= {"volumes": [{"name": "v", "emptyDir": {"sizeLimit": "1Mi"}}], "ephemeralContainers": []}
    document["spec"]["containers"][0] |= {"env": [{"name": "A", "valueFrom": {}}], "resources": {"limits": {}}}
    place: Any = document
    while isinstance(place, dict | list) and place:
        steps = list(place) if isinstance(place, dict) else list(range(len(place)))
        step = data.draw(st.sampled_from(steps))
        if data.draw(st.booleans()) or not isinstance(place[step], dict | list) or not place[step]:
            place[step] = data.draw(JUNK)
            break
        place = place[step]
    try:
        for one in decode.documents(json.dumps(document).encode(), limit_bytes=1 << 20):
            kind = kinds.of_document(one["apiVersion"], one["kind"])
            if kind is not None and kind.kind == "Pod":
                admit.admit(one, kind, house=House(node_name="board"))
    except EdgeletError:
        return
