"""The demonstration as in the field: certificates, a token, signatures, and somebody who tampers."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from scripts.demo import board, engine, fleet, pod
from scripts.demo.failure import DemoError
from scripts.demo.place import Place
from scripts.demo.screen import say, show, step

_EXAMPLE = Path("configs/examples/web-with-sidecar.yaml")
_EXAMPLE_PORT = 18080
_AGENT_S = 60.0
_READY_S = 120.0
_REFUSED_S = 30.0
_PAUSE_S = 0.2


def demonstrate(place: Place, *, keep: bool) -> None:
    """Run it. With `keep` the Pod stays. Raises DemoError."""
    begin = time.monotonic()
    keys = place.base / "signing"
    with step("A certificate authority (edgelet ca init), and a certificate for you"):
        fleet.make_authority(place)
    with step("Its registrar (edgelet ca serve), and two brokers with TLS as edgelet ca mosquitto sets them up"):
        fleet.start(place)
    with step("A key that signs what boards shall run (edgelet sign init-key); the board gets its public half"):
        keys.mkdir(mode=0o755)
        fleet.edgelet(place, "sign", "init-key", str(_signing_key(place)))
        fleet.edgelet(place, "sign", "public", str(_signing_key(place)), "-o", str(keys / "release.pem"))
    _join(place, keys)
    with step(f"An image of this machine's busybox: {engine.IMAGE}"):
        engine.make_image(place)
    _apply(place)
    _renew(place)
    _tamper(place)
    if not keep:
        with step("Deleted by an index that does not name it any more, and all is gone"):
            fleet.edgelet(place, "delete", "pod", pod.NAME, *_over_mqtt(place))
    say(f"\nFrom nothing to here in {time.monotonic() - begin:.1f} s.\n")


def listening(place: Place) -> list[str]:
    """Return mosquitto_sub's options for somebody with a certificate."""
    authorities, certificate, key = map(str, fleet.person(place))
    where = ["-h", "127.0.0.1", "-p", str(place.broker_port)]
    return [*where, "--cafile", authorities, "--cert", certificate, "--key", key]


def _join(place: Place, keys: Path) -> None:
    with step("A one-time token for one board, 10 minutes (edgelet token create)"):
        line = fleet.token(place)
    say(f"  {line[:60]}... ({len(line)} characters, one line)")
    with step("The board joins: its key never leaves it, the token's secret neither (edgelet join)"):
        board.write_settings(place, signing_keys=keys)
        where = ("--config", str(place.settings), "--pki", str(place.base / "pki"), "--no-start")
        fleet.edgelet(place, "join", "-", *where, text=line + "\n")
    with step("The agent: edgelet agent --config edgelet.toml, with require_signature"):
        board.start(place)
        board.wait_until_ready(place, timeout_s=_AGENT_S)


def _apply(place: Place) -> None:
    text = _EXAMPLE.read_text()
    place.manifest.write_text(text.replace(f"hostPort: {_EXAMPLE_PORT}", f"hostPort: {place.host_port}"))
    with step("A signed Pod, and a signed index that names it; Running and Ready", "waiting for the Pod") as tell:
        fleet.edgelet(place, "apply", "-f", str(place.manifest), *_over_mqtt(place))
        deadline = time.monotonic() + _READY_S
        while not (found := _summary(place)).endswith("Ready"):
            if time.monotonic() > deadline:
                raise DemoError(f"the Pod is not ready after {_READY_S:g} s: {found}", "The agent's log tells more.")
            tell(found)
            time.sleep(_PAUSE_S)
    show(f"curl http://127.0.0.1:{place.host_port}/", pod.page(place))


def _renew(place: Place) -> None:
    with step("A new key and a new certificate, in the same session; the Pod does not notice"):
        before = _identity(place)
        told = fleet.edgelet(place, "certificate", "renew")
        if _identity(place) != before:
            raise DemoError("the Pod was restarted while the certificate was renewed", "Please report this.")
    show("edgelet certificate renew", told)


def _tamper(place: Place) -> None:
    with step("Somebody at the broker changes the page that the Pod serves: refused, and the Pod goes on"):
        before = _identity(place)
        _publish_changed(place)
        words = _refusal(place)
        if _identity(place) != before:
            raise DemoError("the Pod was changed by somebody who has no signing key", "Please report this.")
    show("edgelet get events", words)


def _publish_changed(place: Place) -> None:
    """Send the Pod again as it was signed, with another command in it."""
    argv = ("mosquitto_sub", "-V", "mqttv5", *listening(place), "-q", "1", "-C", "1", "-W", "20", "-t", pod.WISH)
    kept = subprocess.run((*argv, "-F", "%j"), capture_output=True, text=True, timeout=60, check=True).stdout
    message = json.loads(kept)
    kept_properties = message["properties"]["user-properties"]  # 2.0 has an object, later ones a list of them
    pairs = [kept_properties] if isinstance(kept_properties, dict) else kept_properties
    named = [(name, value) for pair in pairs for name, value in pair.items()]
    signature = [word for pair in named for word in ("-D", "publish", "user-property", *pair)]
    changed = place.base / "changed.json"
    changed.write_text(message["payload"].replace("written by", "forged by"))
    kind = ("-D", "publish", "content-type", message["properties"]["content-type"])
    argv = ("mosquitto_pub", "-V", "mqttv5", *listening(place), "-q", "1", "-r", "-t", pod.WISH, "-f", str(changed))
    subprocess.run((*argv, *kind, *signature), capture_output=True, timeout=60, check=True)


def _refusal(place: Place) -> str:
    deadline = time.monotonic() + _REFUSED_S
    while time.monotonic() < deadline:
        for one in json.loads(fleet.edgelet(place, "get", "events", "-o", "json"))["items"]:
            if one["reason"] == "Refused":
                return f"{one['type']} {one['reason']} {one['message']}"
        time.sleep(_PAUSE_S)
    raise DemoError("nobody was told that a Pod was tampered with", "The agent's log tells more.")


def _over_mqtt(place: Place) -> tuple[str, ...]:
    authorities, certificate, key = map(str, fleet.person(place))
    return (
        *("--node", fleet.NODE, "--broker", fleet.url(place), "--ca", authorities, "--cert", certificate, "--key", key),
        *("--sign", str(_signing_key(place)), "--index-file", str(place.base / "index.json")),
    )


def _signing_key(place: Place) -> Path:
    return place.base / "release.key"


def _summary(place: Place) -> str:
    done = board.run(place, "get", "pod", pod.NAME, "-o", "json")
    return pod.summary(json.loads(done.stdout).get("status") or {}) if done.returncode == 0 else "not there yet"


def _identity(place: Place) -> list[str]:
    """Return the containers that run: ids, and how often they were started anew."""
    found = json.loads(fleet.edgelet(place, "get", "pod", pod.NAME, "-o", "json"))["status"]["containerStatuses"]
    return [f"{one['containerID']} {one['restartCount']}" for one in found]
