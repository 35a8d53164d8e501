"""The name of an image: complete, or refused."""

from __future__ import annotations

from edgelet.adapters.podman import image_reference
from edgelet.api.errors import ImageError
from edgelet.intake import image_reference as read_off


def try_input(data: bytes) -> None:
    """A complete name is its own complete name."""
    name = data.decode("utf-8", "replace")
    read_off.pull_policy(name)
    image_reference.image_id(name)
    try:
        whole = image_reference.complete(name)
    except ImageError as error:
        assert error.reason == "InvalidImageName"
        return
    assert image_reference.complete(whole) == whole
    assert image_reference.registry_of(whole)
