"""Servers on 127.0.0.1 that live as long as a `with` block."""
import contextlib
import dataclasses
import json
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# How long a server may take to start, and to end when it is asked to.
STARTING, ENDING = 120, 30


@dataclasses.dataclass
class Server:
    url: str
    model: str
    ready_s: float
    key: str = None
    ca: str = None

    def environment(self):
        """As chat_load.py wants it."""
        given = {"OPENAI_API_KEY": self.key, "CHAT_CA": self.ca}
        return {name: value for name, value in given.items() if value}


@contextlib.contextmanager
def running(command, log, **options):
    process = subprocess.Popen(list(map(str, command)), stderr=log, text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def llama_server(asked, setting, slots, context):
    port = free_port()
    command = [asked.peer / "bin/llama-server", "-m", asked.demo, "-t", asked.threads, "-tb", asked.threads, "-np", slots, "-c", context]
    command += ["-fa", setting.removeprefix("fa "), "--no-webui", "--host", "127.0.0.1", "--port", port]
    with open(asked.files / "llama-server.log", "w") as log:
        started = time.perf_counter()
        with running(command, log, stdout=subprocess.DEVNULL) as process:
            wait_until_healthy(f"http://127.0.0.1:{port}/health", process)
            yield Server(f"http://127.0.0.1:{port}", "any", time.perf_counter() - started)


def wait_until_healthy(url, process):
    end = time.monotonic() + STARTING
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.005)
    raise SystemExit("scripts/bench: llama-server did not become ready; see llama-server.log in .cache/bench")


@contextlib.contextmanager
def demo(asked):
    """A demo that was started before, so that it begins with its people made and its model's checksum known."""
    data = demo_data(asked)
    with open(asked.files / "demo.log", "w") as log:
        started = time.perf_counter()
        with running(demo_command(asked, data), log, stdout=subprocess.PIPE) as process:
            line = json.loads(process.stdout.readline() or "{}")
            if not line:
                raise SystemExit("scripts/bench: the demo did not start; see demo.log in .cache/bench")
            yield Server(line["url"], line["model"], time.perf_counter() - started, line["api_key"], line["ca"])


def demo_data(asked):
    """One folder for all demos of this run, removed at its end. The first start is over when this returns."""
    if not hasattr(asked, "demo_folder"):
        asked.demo_folder = tempfile.TemporaryDirectory(prefix="redoubt-bench-")
        with running(demo_command(asked, demo_data(asked)), subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
    return pathlib.Path(asked.demo_folder.name) / "demo"


def demo_command(asked, data):
    return [asked.executable, "demo", "--json", "--port", 0, "--data", data, "--model", asked.demo]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
