"""By which digest an image that runs is told in a status: status.containerStatuses[].imageID. Pure."""

from __future__ import annotations

from edgelet.ports.images import ImageInfo


def reference(name: str, image: ImageInfo) -> str:
    """Return name@digest as the registry has it: the one that was asked for, else of its repository, else any.

    The image's id where it has no digest.

    Source: Kubernetes CRI ContainerStatus.image_ref, as containerd fills it.
    """
    named, _, digest = name.partition("@")
    repository = _repository(named)
    own = [one for one in image.digests if one.startswith(f"{repository}@")]
    pinned = [one for one in own if one == f"{repository}@{digest}"]
    return next(iter((*pinned, *own, *image.digests)), image.id)


def _repository(name: str) -> str:
    """Return registry/path of a name without its digest; a short one is of docker.io."""
    head, slash, tail = name.rpartition("/")
    repository = f"{head}{slash}{tail.partition(':')[0]}"
    first, slash, _ = repository.partition("/")
    if not slash:
        return f"docker.io/library/{repository}"
    return repository if first == "localhost" or "." in first or ":" in first else f"docker.io/{repository}"
