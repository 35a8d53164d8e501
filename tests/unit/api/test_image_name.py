"""Names of images, as Kubernetes reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgelet.api import image_name
from edgelet.api.errors import ImageError

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("reference", "complete"),
    [
        ("web", "docker.io/library/web:latest"),
        ("web:1.2", "docker.io/library/web:1.2"),
        ("team/web", "docker.io/team/web:latest"),
        ("docker.io/web", "docker.io/library/web:latest"),
        ("index.docker.io/team/web", "docker.io/team/web:latest"),
        ("localhost/web:1", "localhost/web:1"),
        ("localhost:5000/web", "localhost:5000/web:latest"),
        ("127.0.0.1:5000/a/b-c/d_e:1", "127.0.0.1:5000/a/b-c/d_e:1"),
        ("[fd00::1]:5000/web:1", "[fd00::1]:5000/web:1"),
        ("registry.example/web@" + DIGEST, "registry.example/web@" + DIGEST),
        ("registry.example/web:1@" + DIGEST, "registry.example/web@" + DIGEST),
        ("registry.example:443/web", "registry.example:443/web:latest"),
        ("Registry/web", "Registry/web:latest"),
    ],
)
def test_a_name_is_made_complete(reference: str, complete: str) -> None:
    assert image_name.complete(reference) == complete
    assert image_name.complete(complete) == complete


@pytest.mark.parametrize(
    "reference",
    [
        *("", ":", "@", "/", "web:", "web:-x", "web@", "web@sha256:aa", "web@md5:" + "a" * 64, "team//web", "team/Web"),
        *("web/", "-web", "web_", "a..b", "http://web", "web:1:2", "we b", "web\n", "../web", "a" * 300),
        *("web:" + "x" * 129, "a" * 64, "host:port/web", "ex_ample.com/web"),
    ],
)
def test_what_is_no_name_is_refused_with_the_name(reference: str) -> None:
    with pytest.raises(ImageError) as caught:
        image_name.complete(reference)
    assert caught.value.reason == "InvalidImageName"
    assert len(caught.value.message) < 600


def test_an_id_is_known_as_one() -> None:
    assert image_name.image_id("a" * 64) == "a" * 64
    assert image_name.image_id(DIGEST) == "a" * 64
    assert image_name.image_id("web") is None
    assert image_name.image_id("a" * 63) is None


def test_registry_and_repository_are_parts_of_the_name() -> None:
    assert image_name.registry_of("127.0.0.1:5000/a/b:1") == "127.0.0.1:5000"
    assert image_name.repository_of("127.0.0.1:5000/a/b:1") == "127.0.0.1:5000/a/b"
    assert image_name.repository_of(f"host.example/a@{DIGEST}") == "host.example/a"


@given(st.text(max_size=80))
def test_any_text_is_completed_for_good_or_refused(text: str) -> None:
    try:
        complete = image_name.complete(text)
    except ImageError as error:
        assert error.reason == "InvalidImageName"  # noqa: PT017  refusing is one of two right answers
    else:
        assert image_name.complete(complete) == complete
        assert not set(complete) & set(" ?#%\\\n")
