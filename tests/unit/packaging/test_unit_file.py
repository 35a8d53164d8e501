from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgelet.cli.joining import answer

ROOT = Path(__file__).parents[3]
REGISTRAR = (ROOT / "configs/edgelet-registrar@.service").read_text()
JOIN = (ROOT / "systemd/edgelet-join.service").read_text()
UNIT = (ROOT / "systemd/edgelet.service").read_text()
SETTINGS = dict(re.findall(r"^(\w+)=(.*)$", UNIT, re.MULTILINE))

# What makes a mount namespace loses the agent's volumes; what installs a filter is inherited by containers (ADR 5).
SANDBOX = re.compile(
    r"Protect\w+|Private\w+|Restrict\w+|NoNewPrivileges|SystemCall\w+|Lock\w+|MemoryDenyWriteExecute|ReadOnlyPaths|"
    r"ReadWritePaths|InaccessiblePaths|ExecPaths|NoExecPaths|TemporaryFileSystem|Bind\w+Paths|BindPaths|RootDirectory|"
    r"RootImage|CapabilityBoundingSet|AmbientCapabilities|DynamicUser|User|MountFlags|ProcSubset|Device\w+"
)


@pytest.mark.parametrize(
    ("name", "text"), [("edgelet.service", UNIT), ("edgelet-join.service", JOIN), ("edgelet-r@1.service", REGISTRAR)]
)
def test_systemd_understands_the_unit(name: str, text: str, tmp_path: Path) -> None:
    unit = tmp_path / name
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", text, flags=re.MULTILINE))
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: apt-get install systemd"
    done = subprocess.run((program, "verify", "--man=no", unit), capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if "edgelet" in line]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Type", "notify"),
        ("NotifyAccess", "main"),
        ("Restart", "always"),
        ("KillMode", "process"),  # pods outlive the agent
        ("Delegate", "yes"),
        ("RuntimeDirectoryPreserve", "yes"),  # files of running pods lie there
        ("StartLimitIntervalSec", "0"),  # nobody is there to reset a failed unit
        ("WantedBy", "multi-user.target"),
    ],
)
def test_unit_keeps_what_pods_depend_on(name: str, value: str) -> None:
    assert SETTINGS[name] == value


def test_watchdog_is_on() -> None:
    assert int(SETTINGS["WatchdogSec"]) > 0


def test_pods_do_not_wait_for_the_network() -> None:
    ordering = [line for line in UNIT.splitlines() if re.match(r"(After|Wants|Requires|BindsTo)=", line)]
    assert not any("network-online" in line for line in ordering)


def test_unit_has_no_sandbox() -> None:
    assert [name for name in SETTINGS if SANDBOX.fullmatch(name)] == []


def test_unit_runs_what_the_installation_puts_there() -> None:
    assert SETTINGS["ExecStart"] == "/opt/edgelet/venv/bin/edgelet agent --config /etc/edgelet/edgelet.toml"
    install = (ROOT / "scripts/install").read_text()
    assert "/etc/edgelet/edgelet.toml" in install
    assert "put systemd/edgelet.service /etc/systemd/system/edgelet.service" in install


def test_group_of_the_api_socket_is_made_by_sysusers() -> None:
    assert re.search(r"^g edgelet -", (ROOT / "systemd/edgelet.sysusers").read_text(), re.MULTILINE)


def test_joining_from_the_boot_partition_waits_for_a_file_and_gives_up_only_when_refused() -> None:
    settings = re.findall(r"^(\w+)=(.*)$", JOIN, re.MULTILINE)
    places = [value.removeprefix("|") for key, value in settings if key == "ConditionPathExists"]
    (command,) = [value for key, value in settings if key == "ExecStart"]
    words = command.split()
    files = [words[at + 1] for at, word in enumerate(words) if word == "--file"]
    assert [*files, "/etc/edgelet/pki/.join-ready"] == places
    assert words[:2] == ["/opt/edgelet/venv/bin/edgelet", "join"]
    assert ("Restart", "on-failure") in settings
    assert ("RestartPreventExitStatus", str(answer.REFUSED)) in settings
    install = (ROOT / "scripts/install").read_text()
    assert "put systemd/edgelet-join.service /etc/systemd/system/edgelet-join.service" in install
