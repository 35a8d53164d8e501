"""[paths]: where things lie. Several agents on one machine differ in state, run, logs and volumes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from edgelet.config.section import Section


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError(f"{str(value)!r} is not absolute")
    return value


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class PathSettings(Section):
    """Directories; the agent makes them."""

    state: AbsolutePath = Path("/var/lib/edgelet")  # the database and keys: on flash, must survive power cuts
    run: AbsolutePath = Path("/run/edgelet")  # volatile: sockets, engine settings, configMap and secret files
    manifests: AbsolutePath = Path("/etc/edgelet/manifests")  # files here become objects
    logs: AbsolutePath = Path("/var/log/pods")  # container logs in CRI format
    volumes: AbsolutePath = Path("/var/lib/edgelet/pods")  # emptyDir volumes
