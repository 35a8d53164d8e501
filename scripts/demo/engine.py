"""The demonstration's own Podman, seen with the podman command: it makes the image, and clears what is left."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

from edgelet.adapters.nftables import ruleset
from edgelet.adapters.podman.pod_cgroups import PodCgroups
from edgelet.adapters.sandboxes.record import Records
from scripts.demo.failure import DemoError
from scripts.demo.place import Place

IMAGE = "localhost/edgelet-demo:1"
_TIMEOUT_S = 60
_FOLDERS = ("dev", "etc", "pages", "proc", "root", "sys", "tmp", "www")


def podman(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run podman on the storage of the agent, with the agent's settings; the caller judges the exit code."""
    run = place.run / "podman"
    flags = ("--root", str(place.storage_root), "--runroot", str(place.run_root), "--tmpdir", str(run / "libpod"))
    copy = place.state / "podman" / "copy"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/root",
        "CONTAINERS_CONF": str(run / "containers.conf"),
        "TMPDIR": str(copy if copy.is_dir() else place.base),
    }
    return subprocess.run(
        ("podman", *flags, *arguments),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def make_image(place: Place) -> None:
    """Make an image of this machine's busybox. No registry is asked: a board may have none in reach.

    Raises:
        DemoError: No busybox, or podman refuses.
    """
    archive = place.base / "image.tar"
    write_root(archive)
    done = podman(place, "import", "--change", 'CMD ["/bin/sh"]', str(archive), IMAGE)
    archive.unlink()
    if done.returncode:
        raise DemoError(
            f"podman cannot make the image: {done.stderr.strip()}",
            "Does `podman info` work? Storage below /tmp has to take an overlay or plain directories.",
        )


def write_root(archive: Path) -> None:
    """Write a root file system: busybox, a link for each thing it can do, and the libraries it needs, if any."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise DemoError("there is no busybox", "Run: apt-get install busybox-static")
    listed = subprocess.run((busybox, "--list"), capture_output=True, text=True, timeout=_TIMEOUT_S, check=True).stdout
    with tarfile.open(archive, "w") as tar:
        tar.dereference = True  # libraries are links to files with a version
        for folder in _FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(busybox, "bin/busybox")
        for applet in listed.split():
            if applet != "busybox":
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        for library in _libraries(busybox):
            tar.add(library, library.lstrip("/"))


def _libraries(program: str) -> list[str]:
    """Ask the dynamic linker; nothing for a static program."""
    done = subprocess.run(("ldd", program), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    return sorted({word for word in done.stdout.split() if word.startswith("/") and Path(word).is_file()})


def clear(place: Place) -> None:
    """Remove containers, pods and the network, as far as there are any."""
    if not (place.run / "podman" / "containers.conf").exists():
        return
    groups = PodCgroups("cgroupfs", marks=place.run / "podman" / "pod-cgroups")
    uids = {record.spec.pod.uid for record in Records(place.run / "sandboxes").every()} | set(groups.idle())
    for arguments in (("pod", "rm", "--all", "--force", "--time", "0"), ("rm", "--all", "--force", "--time", "0")):
        with contextlib.suppress(subprocess.TimeoutExpired):  # what stays is ended by its pid
            podman(place, *arguments)
    subprocess.run(("ip", "link", "delete", place.bridge), capture_output=True, timeout=_TIMEOUT_S, check=False)
    # What an agent that was killed could not take back: rules, and the groups of its pods.
    table = ruleset.table_name(place.bridge)
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(("nft", "delete", "table", "ip", table), capture_output=True, timeout=_TIMEOUT_S, check=False)
    for uid in uids:
        asyncio.run(groups.remove(uid))
