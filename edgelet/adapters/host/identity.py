"""Who this board is: files of /etc, /proc and /sys below a root, so that tests can bring their own."""

from __future__ import annotations

import shlex
from pathlib import Path

# Go's word for a machine, by what uname says.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv6l": "arm",
    "armv7l": "arm",
    "armv8l": "arm",
    "i386": "386",
    "i586": "386",
    "i686": "386",
    "riscv64": "riscv64",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
    "loongarch64": "loong64",
}
_NARROW = {"amd64": "386", "arm64": "arm"}  # a 32-bit system on a 64-bit kernel runs 32-bit images


def architecture(machine: str, *, pointer_bits: int) -> str:
    """Return Go's word for the architecture that images must have."""
    name = _ARCHITECTURES.get(machine, machine)
    return _NARROW.get(name, name) if pointer_bits == 32 else name  # noqa: PLR2004  bits


def os_image(root: Path) -> str:
    """Return PRETTY_NAME of os-release, "Linux" where there is none.

    Source: os-release(5): /etc first, then /usr/lib; values are quoted as in a shell.
    """
    for place in ("etc/os-release", "usr/lib/os-release"):
        for line in read(root / place).splitlines():
            name, separator, value = line.partition("=")
            if separator and name.strip() == "PRETTY_NAME":
                return _unquoted(value) or "Linux"
    return "Linux"


def machine_id(root: Path) -> str:
    """Return the machine id, "" where there is none."""
    return _first(root, "etc/machine-id", "var/lib/dbus/machine-id")


def system_uuid(root: Path) -> str:
    """Return the board's uuid from its firmware, else the machine id (as the kubelet does on a Raspberry Pi)."""
    found = _first(root, "sys/class/dmi/id/product_uuid", "proc/device-tree/vm,uuid")
    return found.lower() or machine_id(root)


def boot_id(root: Path) -> str:
    """Return the id of this boot."""
    return _first(root, "proc/sys/kernel/random/boot_id")


def temperature_c(root: Path) -> float | None:
    """Return the hottest thermal zone in degrees Celsius, None where there is none."""
    readings = (read(zone) for zone in sorted(root.glob("sys/class/thermal/thermal_zone*/temp")))
    values = [int(text) / 1000 for text in readings if text.strip().lstrip("-").isdigit()]
    return max(values, default=None)


def read(path: Path) -> str:
    """Return the text of a small file, "" where it cannot be read (a sensor may answer with an I/O error)."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _first(root: Path, *places: str) -> str:
    for place in places:
        text = read(root / place).strip("\0\n\t ")
        if text:
            return text
    return ""


def _unquoted(value: str) -> str:
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip()


def huge_pages(root: Path) -> dict[int, int]:
    """Return size of a page -> bytes in pages of that size, 0 where there are none of them. Source: hugetlbpage.rst."""
    found = {}
    for directory in sorted((root / "sys/kernel/mm/hugepages").glob("hugepages-*kB")):
        size = directory.name.removeprefix("hugepages-").removesuffix("kB")
        count = read(directory / "nr_hugepages").strip()
        if size.isdecimal() and count.isdecimal():
            found[int(size) * 1024] = int(size) * 1024 * int(count)
    return found
