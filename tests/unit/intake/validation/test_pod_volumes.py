from __future__ import annotations

from typing import Any

import pytest

from tests.unit.intake.validation.pod_faults import faults_of


@pytest.mark.parametrize(
    ("volume", "fault"),
    [
        ({"name": ""}, "name: Required value"),
        ({"name": "A"}, "name: Invalid value"),
        ({"emptyDir": {}, "hostPath": {"path": "/x"}}, "hostPath: Forbidden: may not specify more than 1 volume type"),
        ({"emptyDir": {"sizeLimit": "-1"}}, "emptyDir.sizeLimit: Invalid value"),
        ({"emptyDir": {"medium": "Paper"}}, "emptyDir.medium: Unsupported value"),
        ({"hostPath": {"path": ""}}, "hostPath.path: Required value"),
        ({"hostPath": {"path": "/a/../b"}}, "hostPath.path: Invalid value"),
        ({"configMap": {}}, "configMap.name: Required value"),
        ({"configMap": {"name": "m", "defaultMode": 512}}, "configMap.defaultMode: Invalid value: 512"),
        ({"configMap": {"name": "m", "items": [{"key": "", "path": "p"}]}}, "configMap.items[0].key: Required value"),
        (
            {"configMap": {"name": "m", "items": [{"key": "k", "path": "../p"}]}},
            "configMap.items[0].path: Invalid value",
        ),
        (
            {"configMap": {"name": "m", "items": [{"key": "k", "path": "..p"}]}},
            "configMap.items[0].path: Invalid value",
        ),
        ({"configMap": {"name": "m", "items": [{"key": "k", "path": "/p"}]}}, "configMap.items[0].path: Invalid value"),
        ({"secret": {}}, "secret.secretName: Required value"),
        (
            {"secret": {"secretName": "s", "items": [{"key": "k", "path": "p", "mode": -1}]}},
            "secret.items[0].mode: Invalid",
        ),
        ({"downwardAPI": {"items": [{"path": "p"}]}}, "downwardAPI.items[0]: Required value: one of fieldRef"),
        (
            {"downwardAPI": {"items": [{"path": "p", "fieldRef": {"fieldPath": "status.podIP"}}]}},
            "downwardAPI.items[0].fieldRef.fieldPath: Unsupported value",
        ),
        (
            {"downwardAPI": {"items": [{"path": "p", "resourceFieldRef": {"resource": "limits.cpu"}}]}},
            "downwardAPI.items[0].resourceFieldRef.containerName: Required value",
        ),
        ({"projected": {"sources": [{}]}}, "projected.sources[0]: Required value"),
        (
            {"projected": {"sources": [{"configMap": {"name": "m"}, "secret": {"name": "s"}}]}},
            "projected.sources[0].configMap: Forbidden: may not specify more than 1",
        ),
        (
            {
                "projected": {
                    "sources": [
                        {"configMap": {"name": "m", "items": [{"key": "a", "path": "p"}]}},
                        {"secret": {"name": "s", "items": [{"key": "a", "path": "p"}]}},
                    ]
                }
            },
            'projected.sources[1].secret.items[0].path: Invalid value: "p": conflicting duplicate paths',
        ),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}},
            "projected.sources[0].serviceAccountToken.expirationSeconds: 1 is not in",
        ),
        ({"persistentVolumeClaim": {"claimName": ""}}, "persistentVolumeClaim.claimName: Required value"),
        ({"image": {}}, "image.reference: Required value"),
    ],
)
def test_a_volume_breaks_a_rule(volume: dict[str, Any], fault: str) -> None:
    found = faults_of(volumes=[{"name": "v", **volume}])

    assert any(one.startswith(f"spec.volumes[0].{fault}") for one in found), found
