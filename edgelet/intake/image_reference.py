"""What can be read off an image's name."""

from __future__ import annotations


def tag(reference: str) -> str:
    """Return the tag; "latest" where there is neither tag nor digest, "" where there is a digest alone."""
    name, at, _ = reference.partition("@")
    _, colon, found = name.rpartition("/")[2].partition(":")
    if colon:
        return found
    return "" if at else "latest"


def pull_policy(reference: str) -> str:
    """Return the policy Kubernetes gives an image that has none: what is called latest is asked for each time."""
    return "Always" if tag(reference) == "latest" else "IfNotPresent"
