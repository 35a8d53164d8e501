"""A real Podman for those modules that are nothing without one."""

from __future__ import annotations

from tests.fixtures.podman import busybox, engine, libpod, private_podman

__all__ = ["busybox", "engine", "libpod", "private_podman"]
