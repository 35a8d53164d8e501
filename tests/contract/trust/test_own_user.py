"""Both brokers as their package runs them: started by root, then the user mosquitto, which reads files at a reload."""

from __future__ import annotations

import grp
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.trust import Trust

pytestmark = pytest.mark.mosquitto


@pytest.fixture
def trust() -> Iterator[Trust]:
    directory = Path(tempfile.mkdtemp(prefix="el-", dir="/tmp"))
    try:
        directory.chmod(0o755)
        with Trust(directory, user="mosquitto") as running:
            yield running
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def test_it_goes_on_after_a_reload(trust: Trust) -> None:
    group = grp.getgrnam("mosquitto").gr_gid
    assert (trust.brokers / "server.key").stat().st_gid == group
    user = pwd.getpwnam("mosquitto").pw_uid
    for pid in trust.processes():
        assert Path(f"/proc/{pid}").stat().st_uid == user
    assert published(trust)
    (trust.brokers / "server.crt").unlink()  # a new pair, as a renewal makes it
    assert {"server.crt", "server.key"} <= set(trust.update().changed)
    assert published(trust)
    assert "Error" not in trust.log()


def published(trust: Trust) -> bool:
    pair = trust.pair("one/a")
    done = subprocess.run(
        [
            *("mosquitto_pub", "-V", "mqttv5", "-q", "1", "-h", "127.0.0.1", "-p", str(trust.port)),
            *("--cafile", str(trust.ca), "--cert", str(pair.certificate), "--key", str(pair.key)),
            *("-t", "edgelet/v1/one/a/status/node", "-m", "x"),
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode == 0
