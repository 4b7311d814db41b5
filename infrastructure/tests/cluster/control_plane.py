"""A control plane on loopback whose Pods are processes of this machine, and how the test talks to it."""

import base64
import contextlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

NAMESPACE = "orders"


def run(*command, check=True, env=None, stdin=None, timeout=600):
    """Runs a command to its end and returns its output; a failure carries what it said."""
    done = subprocess.run(command, text=True, capture_output=True, env=env, input=stdin, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} failed:\n{done.stdout}{done.stderr}")
    return done


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(what, condition, seconds=60.0, every=0.1):
    """Waits until the condition holds and returns what it returned."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(every)
    raise AssertionError(f"not within {seconds:.0f} s: {what}")


class ControlPlane:
    def __init__(self, folder, image, environment, authority=None):
        self.program, self.bin = os.environ["ORDERS_CLUSTER"], os.environ["ORDERS_CLUSTER_BIN"]
        self.folder, self.image, self.environment, self.authority = Path(folder), image, environment, authority

    def __enter__(self):
        up = [self.program, "up", self.bin, str(self.folder)] + ([str(self.authority)] if self.authority else [])
        kubeconfig = run(*up).stdout.strip().splitlines()[-1]
        self.env = {**os.environ, "KUBECONFIG": kubeconfig}
        config = json.loads(Path(kubeconfig).read_text())
        self.server = config["clusters"][0]["cluster"]["server"]
        self.token = config["users"][0]["user"]["token"]
        self.tls = ssl.create_default_context(cafile=config["clusters"][0]["cluster"]["certificate-authority"])
        flags = [flag for name, value in self.environment.items() for flag in ("-env", f"{name}={value}")]
        run(self.program, "nodes", self.bin, str(self.folder), "-image", f"{self.image[0]}={self.image[1]}", *flags)
        return self

    def __exit__(self, *_):
        run(self.program, "down", str(self.folder), check=False)

    def open(self, path, timeout=30.0):
        request = urllib.request.Request(self.server + path, headers={"Authorization": f"Bearer {self.token}"})
        return urllib.request.urlopen(request, context=self.tls, timeout=timeout)

    def get(self, path):
        with self.open(path) as answer:
            return json.load(answer)

    def pods(self, component):
        query = f"labelSelector=app.kubernetes.io/component={component}"
        return self.get(f"/api/v1/namespaces/{NAMESPACE}/pods?{query}")["items"]

    def ready(self, component):
        return [pod for pod in self.pods(component) if is_ready(pod) and "deletionTimestamp" not in pod["metadata"]]

    def kubectl(self, *arguments, check=True, stdin=None):
        return run("kubectl", *arguments, check=check, env=self.env, stdin=stdin)

    def helm(self, *arguments, check=True):
        return run("helm", *arguments, check=check, env=self.env)

    def log(self, pod):
        return (self.folder / "pods" / f"{pod}.log").read_text()

    def node_log(self):
        return (self.folder / "nodes.log").read_text()

    def process(self, pod):
        """The process that is this Pod's container, or None."""
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if f"HOSTNAME={pod}\0".encode() in environ.read_bytes():
                    return int(environ.parent.name)
        return None

    def peak_memory(self, pod):
        """MiB that the process held at most."""
        status = Path(f"/proc/{self.process(pod)}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def kill(self, pod):
        """SIGKILL: the process of this Pod is gone at once."""
        if (process := self.process(pod)) is not None:
            os.kill(process, signal.SIGKILL)
        return process


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))


class Watch:
    """Follows one kind of object in a namespace, and keeps when each event arrived (seconds since 1970)."""

    def __init__(self, plane, path):
        self.plane, self.path, self.events, self.ended = plane, path, [], False
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        version = "0"
        while not self.ended:
            # The server ends a watch now and then; it goes on where it was.
            with contextlib.suppress(OSError):
                with self.plane.open(f"{self.path}?watch=1&resourceVersion={version}&allowWatchBookmarks=false", timeout=3600) as lines:
                    for line in lines:
                        event = json.loads(line)
                        version = event["object"]["metadata"]["resourceVersion"]
                        self.events.append((time.time(), event["object"]))

    def first(self, condition):
        """When the condition first held of an object, or None."""
        return min((at for at, thing in self.events if condition(thing)), default=None)


def secret(name, **values):
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}
