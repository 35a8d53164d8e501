"""Single settings change, the rest of the file stays as it was written."""

import tomllib

import pytest

from edgelet.api.errors import ConflictError
from edgelet.config import edit

CHANGES = {"mqtt": {"url": "mqtts://b:8883", "ca": "/etc/ca.crt"}, "node": {"name": "pi-01"}}


def test_values_are_replaced_and_added_and_comments_stay() -> None:
    text = (
        '# mine\n[node]\n# name = "board"\nlabels = { a = "b" }\n\n'
        '[mqtt] # link\nurl = "mqtt://old"  # gone\nprefix = "x"\n\n[log]\n'
    )
    assert edit.changed(text, CHANGES, name="f") == (
        '# mine\n[node]\n# name = "board"\nlabels = { a = "b" }\nname = "pi-01"\n\n'
        '[mqtt] # link\nurl = "mqtts://b:8883"\nprefix = "x"\nca = "/etc/ca.crt"\n\n[log]\n'
    )


def test_an_empty_file_gets_the_tables() -> None:
    assert edit.changed("", {"mqtt": {"url": "u"}}, name="f") == '[mqtt]\nurl = "u"\n'
    assert tomllib.loads(edit.changed("[a]\nb = 1", CHANGES, name="f")) == {"a": {"b": 1}, **CHANGES}


def test_changing_twice_changes_nothing_more() -> None:
    once = edit.changed('[mqtt]\nurl = ""\n', CHANGES, name="f")
    assert edit.changed(once, CHANGES, name="f") == once


@pytest.mark.parametrize(
    "text",
    [
        'mqtt = { url = "x" }\n',
        'mqtt.url = "x"\n',
        '[mqtt]\nurl = """\nx"""\n',
        '[node]\nx = """\n[mqtt]\n"""\n',
        'mqtt = "x"\n',
        "[mqtt\n",
    ],
)
def test_what_cannot_be_changed_safely_is_left_and_told(text: str) -> None:
    with pytest.raises(ConflictError, match="cannot change settings"):
        edit.changed(text, CHANGES, name="settings")
