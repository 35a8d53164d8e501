"""Which images a board takes: by registry and repository, by digest (pure)."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api import image_name
from edgelet.api.errors import ImageError
from edgelet.api.pod import Pod
from edgelet.config.policy import Rules
from edgelet.intake.admission import each_container
from edgelet.intake.admission.violation import Violation


def violations(pod: Pod, rules: Rules) -> Iterator[Violation]:
    """Give a refusal for each image that is not from an allowed place, or has no digest where that is wanted."""
    for path, reference in _images(pod):
        if rules.images is not None and (why := _elsewhere(reference, rules.images)):
            yield Violation("images", path, f' "{reference}": {why}', ours=True)
        if rules.digests_only and "@" not in reference:
            yield Violation("digests_only", path, f' "{reference}": name it by digest, NAME@sha256:...', ours=True)


def _images(pod: Pod) -> Iterator[tuple[str, str]]:
    for path, container in each_container.of(pod.spec):
        yield f"{path}.image", container.image or ""
    for index, volume in enumerate(pod.spec.volumes):
        if volume.image is not None:
            yield f"spec.volumes[{index}].image.reference", volume.image.reference or ""


def _elsewhere(reference: str, allowed: tuple[str, ...]) -> str:
    """Return why an image is from no allowed place, "" if it is. A name without a registry is one of docker.io.

    An id (`sha256:` and 64 digits) reads like the tag of a repository of that name, and opens whatever is on the board.
    """
    try:
        if image_name.image_id(reference) is not None:
            return "an id names no repository"
        repository = image_name.repository_of(image_name.complete(reference))
    except ImageError:
        return "not a name by which a repository can be told"
    if any(repository == prefix or repository.startswith(f"{prefix}/") for prefix in allowed):
        return ""
    return f"{repository} is none of the allowed: {', '.join(allowed) or 'none'}"
