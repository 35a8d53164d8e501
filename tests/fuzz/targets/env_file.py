"""A file of variables in a volume: its variables, or the line that is wrong."""

from __future__ import annotations

from edgelet.pods import env_file


def try_input(data: bytes) -> None:
    """What is read can be written in the same form."""
    try:
        found = env_file.parse(data)
    except ValueError as error:
        assert str(error)
        return
    written = "".join(f"{name}='{value}'\n" for name, value in found.items())
    assert env_file.parse(written.encode()) == found
