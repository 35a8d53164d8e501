from __future__ import annotations

import pytest

from edgelet.cli import file_places
from edgelet.cli.failure import CliError
from edgelet.cli.file_places import Place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a", Place("a")),
        ("/a/b", Place("/a/b")),
        ("./a:b", Place("./a:b")),
        ("/a:b", Place("/a:b")),
        ("../a:b", Place("../a:b")),
        ("web:/a", Place("/a", pod="web")),
        ("web:a:b", Place("a:b", pod="web")),
        ("shop/web:/a", Place("/a", pod="web", namespace="shop")),
        ("web:", Place("", pod="web")),
    ],
)
def test_a_place_is_here_or_in_a_pod(text: str, place: Place) -> None:
    assert file_places.parse(text) == place


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a", "b", "one of src or dest must be a remote file specification"),
        ("p:a", "q:b", "one of src or dest must be a local file specification"),
        ("p:", "b", "filepath can not be empty"),
        ("", "p:b", "filepath can not be empty"),
        (":a", "b", "filespec must match the canonical format: [[namespace/]pod:]file/path"),
        ("a/b/c:d", "b", "filespec must match the canonical format"),
        ("a/:d", "b", "filespec must match the canonical format"),
    ],
)
def test_what_is_no_pair_is_told(source: str, target: str, message: str) -> None:
    with pytest.raises(CliError) as refused:
        file_places.pair(source, target)
    assert refused.value.message.startswith(message)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/etc/app/", "etc/app"), ("a", "a"), ("./a", "a"), ("../../a", "a"), (".", ""), ("/", ""), ("/a/../b", "b")],
)
def test_an_archive_names_things_without_their_root(path: str, name: str) -> None:
    assert file_places.archived(path) == name
