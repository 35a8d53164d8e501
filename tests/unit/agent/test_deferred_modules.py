from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def python(code: str) -> str:
    """Run code in an interpreter of its own."""
    done = subprocess.run(
        (sys.executable, "-c", f"from edgelet.agent import deferred_modules\n{code}"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def test_importing_a_module_does_not_load_it_and_using_it_does() -> None:
    code = """
import sys
deferred_modules.install(tls=True)
import urllib.request
print("http.client" in sys.modules)
print(urllib.request.Request("http://a/b").host, "http.client" in sys.modules)
import urllib.request as again
print(again.__file__.endswith("request.py"), again is sys.modules["urllib.request"])
"""
    assert python(code).split("\n") == ["False", "a True", "True True"]


def test_a_function_that_was_taken_out_of_it_works() -> None:
    code = """
import sys
deferred_modules.install(tls=True)
from importlib.metadata import entry_points
print("email" in sys.modules, [one.name for one in entry_points(group="console_scripts", name="pytest")])
from importlib.metadata import version
print(version("pydantic").count("."))
"""
    assert python(code).split("\n") == ["False ['pytest']", "2"]


def test_what_is_loaded_already_is_left_alone() -> None:
    code = """
import urllib.request
before = urllib.request
deferred_modules.install(tls=True)
import sys
print(sys.modules["urllib.request"] is before)
"""
    assert python(code) == "True"


def test_a_name_that_does_not_exist_is_an_attribute_error_as_ever() -> None:
    code = """
deferred_modules.install(tls=True)
import urllib.request
print(hasattr(urllib.request, "nothing"))
"""
    assert python(code) == "False"


def test_asyncio_streams_work_without_openssl_and_hashes_are_the_same() -> None:
    code = """
deferred_modules.install(tls=False)
import asyncio, hashlib, hmac, sys, tempfile
async def main():
    async def echo(reader, writer):
        writer.write(await reader.readline())
        writer.close()
    with tempfile.TemporaryDirectory() as folder:
        async with await asyncio.start_unix_server(echo, folder + "/s"):
            reader, writer = await asyncio.open_unix_connection(folder + "/s")
            writer.write(b"hello" + bytes([10]))
            print((await reader.read()).decode().strip())
            writer.close()
asyncio.run(main())
print(hashlib.sha256(b"a").hexdigest()[:8], hashlib.sha1(b"a", usedforsecurity=False).hexdigest()[:8])
print("_ssl" in sys.modules, sys.modules["_hashlib"])
"""
    assert python(code).split("\n") == ["hello", "ca978112 86f7e437", "False None"]


def test_paho_reads_an_empty_socket_without_openssl() -> None:
    code = """
deferred_modules.install(tls=False)
import socket, sys
from paho.mqtt.client import Client, CallbackAPIVersion
client = Client(CallbackAPIVersion.VERSION2)
client._sock, other = socket.socketpair()
client._sock.setblocking(False)
try:
    client._sock_recv(1)
except BlockingIOError:
    print("empty", "_ssl" in sys.modules)
"""
    assert python(code) == "empty False"


def test_ssl_is_whole_again_once_it_is_used() -> None:
    code = """
deferred_modules.install(tls=False)
import ssl, asyncio, paho.mqtt.client
held = ssl
print(held.create_default_context().verify_mode.name)
import ssl
print(held.SSLError is ssl.SSLError, paho.mqtt.client.ssl.SSLWantReadError is ssl.SSLWantReadError)
"""
    assert python(code).split("\n") == ["CERT_REQUIRED", "True True"]


# What would come back by a careless import: each costs memory on every board, for good.
NEEDLESS = {
    *(
        "_hashlib",
        "_ssl",
        "csv",
        "cryptography",
        "email",
        "http.client",
        "jsonpatch",
        "logging.config",
        "multiprocessing",
    ),
    *("podman", "rich", "typer", "unittest", "wsproto", "xml", "yaml", "zipfile"),
    *("edgelet.cli.help_text", "edgelet.cli.table", "edgelet.intake.yaml_dialect", "edgelet.adapters.mqtt.tls"),
}


def test_an_agent_without_tls_that_was_sent_json_has_loaded_nothing_it_does_not_need() -> None:
    code = f"""
deferred_modules.install(tls=False)
import sys
import edgelet.agent.main
from edgelet.intake import decode
from edgelet.api.pod import Pod
pod = b'{{"apiVersion": "v1", "kind": "Pod", "metadata": {{"name": "a"}}, "spec": {{"containers": [{{"name": "a"}}]}}}}'
Pod.model_validate(decode.documents(pod, limit_bytes=1000)[0])
print(sorted({NEEDLESS!r} & {{name for name, module in sys.modules.items() if module is not None}}))
"""
    assert python(code) == "[]"


def test_an_agent_with_tls_has_openssl_and_still_nothing_else() -> None:
    code = f"""
deferred_modules.install(tls=True)
import sys
import edgelet.agent.main
print(sorted({NEEDLESS!r} & sys.modules.keys()))
"""
    assert python(code) == "['_hashlib', '_ssl']"
