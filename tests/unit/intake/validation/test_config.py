from __future__ import annotations

import base64
from typing import Any

import pytest

from edgelet.api.config_map import ConfigMap
from edgelet.api.namespace import Namespace
from edgelet.api.secret import Secret
from edgelet.intake.validation import config
from tests import builders


def _secret(**fields: Any) -> list[str]:
    return [str(fault) for fault in config.check_secret(Secret.model_validate(builders.secret_document(**fields)))]


def _config_map(**fields: Any) -> list[str]:
    value = ConfigMap.model_validate(builders.config_map_document(**fields))
    return [str(fault) for fault in config.check_config_map(value)]


def test_good_ones_have_no_faults() -> None:
    assert _config_map(data={"a.b_c-d": "x"}, binaryData={"e": "AAE="}) == []
    assert _secret(data={"a": "aGk=", "b": "aGk\nK"}) == []


@pytest.mark.parametrize("key", ["", "a/b", "..", "../x", "a" * 254])
def test_keys_become_file_names(key: str) -> None:
    assert _config_map(data={key: "x"})[0].startswith(f"data[{key}]: Invalid value")
    assert _secret(data={key: ""})[0].startswith(f"data[{key}]: Invalid value")


def test_base64_is_checked_and_never_repeated() -> None:
    assert _config_map(binaryData={"a": "***"}) == ["binaryData[a]: Invalid value: illegal base64 data"]
    assert _secret(data={"a": "pass*word"}) == ["data[a]: Invalid value: illegal base64 data"]


def test_a_key_is_text_or_bytes() -> None:
    [fault] = _config_map(data={"a": "x"}, binaryData={"a": "AAE="})

    assert fault == 'binaryData[a]: Invalid value: "a": duplicate of key present in data'


def test_some_types_of_secrets_need_keys() -> None:
    login = base64.b64encode(b'{"auths": {}}').decode()

    assert _secret(type="kubernetes.io/dockerconfigjson") == ["data[.dockerconfigjson]: Required value"]
    assert _secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": login}) == []
    assert _secret(type="kubernetes.io/dockerconfigjson", data={".dockerconfigjson": "aGk="}) == [
        "data[.dockerconfigjson]: Invalid value: must be the base64 of a JSON document"
    ]
    assert _secret(type="kubernetes.io/tls", data={"tls.crt": ""}) == ["data[tls.key]: Required value"]
    assert _secret(type="kubernetes.io/basic-auth", data={"username": ""}) == []
    assert len(_secret(type="kubernetes.io/basic-auth")) == 2


def test_a_namespace_is_a_label() -> None:
    good = Namespace.model_validate({"metadata": {"name": "a-b"}})
    bad = Namespace.model_validate({"metadata": {"name": "a.b"}})

    assert list(config.check_namespace(good)) == []
    assert [fault.path for fault in config.check_namespace(bad)] == ["metadata.name"]
