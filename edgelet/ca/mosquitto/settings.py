"""The settings of both brokers: one for whoever has a certificate, one for boards that join.

They are two processes on purpose. Mosquitto has one namespace of client ids for all its listeners: whoever may choose
his own id on one of them throws any client of the others out (measured with 2.0.11). So those with a password get a
broker of their own, and a bridge carries their requests across.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIELD = "mosquitto.conf"
JOIN = "join.conf"
UNIT = "edgelet-broker@.service"

_FIELD = """\
# The broker for boards in the field: mutual TLS, every board fenced into its own part of the tree.
# Made by `edgelet ca mosquitto`: the next run replaces what you change here.
#
# Test before you reload: an unreadable key or a bad certificate leaves mosquitto 2.0 running and refusing everybody.

per_listener_settings false
allow_anonymous false
acl_file {at}/acl

# Sessions and retained messages survive a restart; a power cut costs at most the last 20 changes. Without
# autosave_on_changes it would cost everything of the last half hour, although it had been acknowledged.
persistence true
persistence_location {store}/
autosave_on_changes true
autosave_interval 20

# A request takes 88 ms on loopback without this, 2 ms with it.
set_tcp_nodelay true

# Nodes take objects of 128 KiB and say so where one is larger. They cannot where the broker cuts it off before, and
# mosquitto_pub would report success: so the broker's bound is far above theirs.
max_packet_size 2097152
max_inflight_messages 20

# The replay of retained objects counts as queued, and what does not fit is dropped without a word: more than a board
# can have (1000 objects), with room for what changed while it was away.
max_queued_messages 5000
max_keepalive 120
persistent_client_expiration 30d

listener {port}{bind}
cafile {at}/ca.crt
certfile {at}/server.crt
keyfile {at}/server.key
tls_version tlsv1.3
require_certificate true
# The certificate's common name, tenant/node, is the user of the ACL ...
use_identity_as_username true
# ... and the client id too: without this any valid certificate can throw any board out and take its session.
use_username_as_clientid true

# Revocation. A list past its nextUpdate locks every board out: `edgelet ca crl` (or `ca serve`) makes it anew in time,
# `edgelet ca mosquitto` brings it here, and then a reload is needed.
crlfile {at}/crl.pem
"""
_JOIN = """\
# The broker for boards that have no good certificate: they join, or renew one that has ended.
# Made by `edgelet ca mosquitto`: the next run replaces what you change here.
#
# A process of its own: on one broker whoever may choose his client id throws out any board (mosquitto has one namespace
# of ids for all listeners). Requests and answers cross by the bridge below, nothing else does.

per_listener_settings false
allow_anonymous false
password_file {at}/join-passwords
acl_file {at}/join-acl

# Strangers leave nothing behind and do not fill the memory.
persistence false
retain_available false
max_packet_size 32768
max_inflight_messages 20
max_queued_messages 100
max_keepalive 120
persistent_client_expiration 1h
memory_limit 67108864
set_tcp_nodelay true

listener {join_port}{bind}
certfile {at}/server.crt
keyfile {at}/server.key
tls_version tlsv1.3
max_connections 100

connection edgelet-join
address {bridge_host}:{port}
bridge_cafile {at}/ca.crt
bridge_certfile {at}/bridge.crt
bridge_keyfile {at}/bridge.key
bridge_tls_version tlsv1.3
bridge_protocol_version mqttv50
remote_clientid {bridge_name}
# Nobody else knows it: a client with this id would take the bridge's place.
local_clientid {bridge_secret}
notifications false
cleansession true
keepalive_interval 60
restart_timeout 1 30
topic _bootstrap/+/csr out 1 {prefix}/ {prefix}/
topic _bootstrap/+/cert in 1 {prefix}/ {prefix}/
"""
_UNIT = """\
# Both brokers as services: systemctl enable --now edgelet-broker@mosquitto edgelet-broker@join
# Mosquitto starts as root and goes on as the user mosquitto.
[Unit]
Description=MQTT broker of edgelet (%i)
Documentation=man:mosquitto(8)
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart=/usr/sbin/mosquitto -c {at}/%i.conf
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2

[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the brokers find their things, and where they listen."""

    at: Path = Path("/etc/mosquitto/edgelet")
    store: Path = Path("/var/lib/mosquitto")
    prefix: str = "edgelet/v1"
    port: int = 8883
    join_port: int = 8884
    bind: str = ""  # an address; empty: all
    bridge_host: str = "127.0.0.1"  # where the join broker finds the other one; in its certificate
    bridge_name: str = "_join/main"
    bridge_secret: str = "REPLACE-BY-A-RANDOM-NAME"  # noqa: S105  as it stands in the shipped example


def field(places: Places) -> str:
    """The broker for whoever has a certificate."""
    return _filled(_FIELD, places)


def join(places: Places) -> str:
    """The broker for whoever has none."""
    return _filled(_JOIN, places)


def unit(places: Places) -> str:
    """The systemd unit of both."""
    return _filled(_UNIT, places)


def _filled(text: str, places: Places) -> str:
    return text.format(
        at=places.at,
        store=places.store,
        prefix=places.prefix,
        port=places.port,
        join_port=places.join_port,
        bind=f" {places.bind}" if places.bind else "",
        bridge_host=places.bridge_host,
        bridge_name=places.bridge_name,
        bridge_secret=places.bridge_secret,
    )
