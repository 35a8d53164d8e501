"""Which login goes to which registry."""

from __future__ import annotations

import base64
import json

import pytest

from edgelet.adapters.podman import registry_auth
from edgelet.ports.images import Credential


@pytest.mark.parametrize(
    ("image", "registry", "fits"),
    [
        ("host.example/a/b:1", "host.example", True),
        ("host.example/a/b:1", "https://host.example/v1/", True),
        ("host.example/a/b:1", "https://host.example", True),
        ("host.example/a/b:1", "host.example/a", True),
        ("host.example/a/b:1", "host.example/a/b", True),
        ("host.example/ab/c:1", "host.example/a", False),
        ("host.example/b:1", "host.example/a", False),
        ("host.example:5000/a:1", "host.example:5000", True),
        ("host.example:5000/a:1", "host.example", False),
        ("host.example/a:1", "*.example", True),
        ("x.host.example/a:1", "*.example", False),
        ("x.host.example/a:1", "*.host.example", True),
        ("evil-host.example/a:1", "host.example", False),
        ("docker.io/library/web:1", "https://index.docker.io/v1/", True),
        ("docker.io/team/web:1", "docker.io", True),
        ("host.example/a:1", "https://index.docker.io/v1/", False),
    ],
)
def test_a_login_goes_only_where_it_belongs(image: str, registry: str, fits: bool) -> None:
    credential = Credential(registry, "u", "p")
    assert registry_auth.fitting(image, [credential]) == ((credential,) if fits else ())


def test_the_closest_match_is_tried_first() -> None:
    names = ("*.example", "host.example", "https://host.example/team/v2", "host.example/team/app", "host.example/te")
    logins = [Credential(name, "u", "p") for name in names]
    tried = [one.registry for one in registry_auth.fitting("host.example/team/app:1", logins)]
    assert tried == ["host.example/team/app", "https://host.example/team/v2", "host.example", "*.example"]


def test_the_order_of_equal_matches_is_kept() -> None:
    logins = [Credential("host.example", str(number), "p") for number in range(3)]
    assert registry_auth.fitting("host.example/a:1", logins) == tuple(logins)


def test_the_header_is_urlsafe_base64_of_json() -> None:
    credential = Credential("host.example", "ü~?", "ÿÿ>>?pass")
    (value,) = registry_auth.header(credential).values()
    assert not set(value) & {"+", "/"}
    assert json.loads(base64.urlsafe_b64decode(value)) == {"username": "ü~?", "password": "ÿÿ>>?pass"}


def test_no_login_is_no_header() -> None:
    assert registry_auth.header(None) == {}
