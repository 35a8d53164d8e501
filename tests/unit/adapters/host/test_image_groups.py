from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from edgelet.adapters.host import image_groups

PASSWD = "root:x:0:0::/root:/bin/sh\nplc:x:1000:1000::/:/bin/sh\nother:x:1001:1001::/:/bin/sh\n"
GROUP = "root:x:0:\ndialout:x:20:plc,other\nvideo:x:44:plc\nplc:x:1000:\nodd:x:y:plc\nshort:x\n#no:x:1:plc\n"


def layer(root: Path, name: str, **files: str) -> str:
    folder = root / name / "etc"
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text)
    return str(root / name)


@pytest.mark.parametrize(
    ("user", "expected"), [("1000", (20, 44)), ("plc", (20, 44)), ("other", (20,)), ("0", ()), ("77", ()), ("", ())]
)
def test_a_user_has_the_groups_that_name_it(tmp_path: Path, user: str, expected: tuple[int, ...]) -> None:
    assert image_groups.of_user([layer(tmp_path, "a", passwd=PASSWD, group=GROUP)], user) == expected


def test_the_uppermost_layer_that_has_a_file_decides(tmp_path: Path) -> None:
    lower = layer(tmp_path, "lower", passwd=PASSWD, group=GROUP)
    upper = layer(tmp_path, "upper", group="gpio:x:997:plc\n")
    (tmp_path / "empty").mkdir()
    assert image_groups.of_user([str(tmp_path / "empty"), upper, lower], "1000") == (997,)


def test_what_a_layer_takes_away_is_gone(tmp_path: Path) -> None:
    lower = layer(tmp_path, "lower", passwd=PASSWD, group=GROUP)
    whiteout = layer(tmp_path, "whiteout")
    os.mknod(f"{whiteout}/etc/group", stat.S_IFCHR, os.makedev(0, 0))
    assert image_groups.of_user([whiteout, lower], "1000") == ()
    removed = tmp_path / "removed"
    removed.mkdir()
    os.mknod(removed / "etc", stat.S_IFCHR, os.makedev(0, 0))
    assert image_groups.of_user([str(removed), lower], "1000") == ()
    opaque = layer(tmp_path, "opaque")
    try:
        os.setxattr(f"{opaque}/etc", "trusted.overlay.opaque", b"y")
    except OSError:
        return  # a file system without such attributes has no opaque directories either
    assert image_groups.of_user([opaque, lower], "1000") == ()


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_link_out_of_the_image_is_not_followed(tmp_path: Path, what: str) -> None:
    host = layer(tmp_path, "host", passwd=PASSWD, group=GROUP)
    image = tmp_path / "image"
    if what == "directory":
        image.mkdir()
        (image / "etc").symlink_to(f"{host}/etc")
    else:
        layer(tmp_path, "image", passwd=PASSWD)
        (image / "etc" / "group").symlink_to(f"{host}/etc/group")
    assert image_groups.of_user([str(image)], "1000") == ()


def test_a_layer_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        image_groups.of_user([str(tmp_path / "none")], "1000")


def test_numbers_that_no_group_can_have_are_passed_over(tmp_path: Path) -> None:
    group = f"a:x:{'9' * 5000}:plc\nb:x:4294967295:plc\nc:x:\u0663:plc\nd:x:2147483647:plc\n"
    assert image_groups.of_user([layer(tmp_path, "a", passwd=PASSWD, group=group)], "plc") == (2147483647,)


def test_what_is_no_file_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board's watchdog begins to bite when it is opened."""
    lower, upper = layer(tmp_path, "lower", passwd=PASSWD, group=GROUP), layer(tmp_path, "upper")
    os.mknod(f"{upper}/etc/group", stat.S_IFCHR, os.makedev(1, 3))
    opened = []
    real = os.open

    def noting(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        opened.append((path, bool(flags & os.O_PATH)))
        return real(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", noting)
    assert image_groups.of_user([upper, lower], "plc") == ()
    assert ("group", False) not in opened
    assert ("group", True) in opened
