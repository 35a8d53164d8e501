from __future__ import annotations

import pytest

from edgelet.pods import image_digest
from edgelet.ports.images import ImageInfo

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
DIGESTS = (
    f"mirror.example/web@{ONE}",
    f"docker.io/library/web@{ONE}",
    f"docker.io/library/web@{TWO}",
    f"host.example:5000/my-web@{TWO}",
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", DIGESTS[1]),
        ("web:1", DIGESTS[1]),
        ("docker.io/library/web:1", DIGESTS[1]),
        (f"web@{TWO}", DIGESTS[2]),
        (f"web:1@{TWO}", DIGESTS[2]),
        ("host.example:5000/my-web", DIGESTS[3]),
        ("sha256:0123", DIGESTS[0]),
    ],
)
def test_the_digest_is_of_the_name_that_was_asked_for(name: str, expected: str) -> None:
    image = ImageInfo(id="sha256:id", names=(), digests=DIGESTS, size_bytes=1, architecture="amd64")
    assert image_digest.reference(name, image) == expected


def test_an_image_without_a_digest_has_its_id() -> None:
    image = ImageInfo(id="sha256:id", names=("a:1",), digests=(), size_bytes=1, architecture="amd64")
    assert image_digest.reference("a:1", image) == "sha256:id"
