"""The name of an image: complete, or refused."""

from __future__ import annotations

from edgelet.api import image_name
from edgelet.api.errors import ImageError
from edgelet.intake import image_reference as read_off


def try_input(data: bytes) -> None:
    """A complete name is its own complete name."""
    name = data.decode("utf-8", "replace")
    read_off.pull_policy(name)
    image_name.image_id(name)
    try:
        whole = image_name.complete(name)
    except ImageError as error:
        assert error.reason == "InvalidImageName"
        return
    assert image_name.complete(whole) == whole
    assert image_name.registry_of(whole)
