from __future__ import annotations

import base64
import json

from edgelet.api.config_map import ConfigMap
from edgelet.api.pod import Pod
from edgelet.api.secret import Secret
from edgelet.pods import pull_secrets
from edgelet.ports.images import Credential


class Lookup:
    def __init__(self, **data: dict[str, str]) -> None:
        self._secrets = {
            name: {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
            for name, values in data.items()
        }

    def config_map(self, namespace: str, name: str) -> ConfigMap | None:
        raise AssertionError(namespace, name)

    def secret(self, namespace: str, name: str) -> Secret | None:
        assert namespace == "default"
        if name not in self._secrets:
            return None
        return Secret.model_validate({"metadata": {"name": name}, "data": self._secrets[name]})


def pod(*names: str) -> Pod:
    spec = {"imagePullSecrets": [{"name": name} for name in names], "containers": [{"name": "c", "image": "i"}]}
    return Pod.model_validate({"metadata": {"name": "p", "namespace": "default"}, "spec": spec})


def test_both_forms_of_a_login_are_read() -> None:
    new = json.dumps({"auths": {"a.example": {"auth": base64.b64encode(b"u:p:q").decode()}}})
    old = json.dumps({"b.example": {"username": "v", "password": "w"}})
    found, missing = pull_secrets.credentials(
        pod("new", "old"), Lookup(new={".dockerconfigjson": new}, old={".dockercfg": old})
    )
    assert found == (Credential("a.example", "u", "p:q"), Credential("b.example", "v", "w"))
    assert missing == ()


def test_what_cannot_be_read_is_named_and_does_not_stop_the_rest() -> None:
    good = json.dumps({"auths": {"a.example": {"username": "u", "password": "p"}}})
    found, missing = pull_secrets.credentials(
        pod("none", "broken", "empty", "wrong", "good"),
        Lookup(
            broken={".dockerconfigjson": "{"},
            empty={"other": "x"},
            wrong={".dockerconfigjson": '{"auths": {"a": {"auth": "%%%"}}}'},
            good={".dockerconfigjson": good},
        ),
    )
    assert found == (Credential("a.example", "u", "p"),)
    assert missing == ("none", "broken", "empty", "wrong")
