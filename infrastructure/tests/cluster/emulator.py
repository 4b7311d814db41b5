"""Service Bus on this machine: the emulator that the workspace builds, with its management endpoint over HTTPS."""

import os
import re
import ssl
import subprocess
import urllib.request
from pathlib import Path

from control_plane import free_port, run, until

KEY = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE"


class Emulator:
    @staticmethod
    def find(folder):
        """The emulator, if it is built and has a management endpoint that KEDA can ask."""
        program = Path(os.environ.get("ORDERS_EMULATOR", "target/debug/servicebus-emulator"))
        return Emulator(program.resolve(), folder) if program.exists() else None

    def __init__(self, program, folder):
        self.program, self.folder = program, Path(folder)
        self.authority = self.folder / "authority.pem"

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.admin = free_port(), free_port()
        self.certify()
        command = [
            self.program, "--port", str(self.port), "--admin-port", str(self.admin),
            "--certificate", self.folder / "emulator.pem", "--key", self.folder / "emulator.key"]
        with (self.folder / "emulator.log").open("w") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.tls = ssl.create_default_context(cafile=str(self.authority))
        until("the emulator answers", lambda: self.depth() == 0, 10)
        return self

    def certify(self):
        """An authority of this run, which KEDA is told to trust, and the emulator's certificate by it."""
        def openssl(*arguments):
            run("openssl", *map(str, arguments))

        authority_key, key, request = self.folder / "authority.key", self.folder / "emulator.key", self.folder / "emulator.csr"
        names = self.folder / "names"
        names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 2, "-subj", "/CN=authority", "-keyout", authority_key, "-out", self.authority)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", authority_key, "-CAcreateserial", "-days", 2, "-extfile", names,
                "-out", self.folder / "emulator.pem")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    @property
    def connection(self):
        """For the Pods: AMQP."""
        return f"Endpoint=sb://127.0.0.1:{self.port};{KEY};UseDevelopmentEmulator=true;"

    @property
    def management(self):
        """For KEDA, which asks `https://HOST:PORT` of the endpoint."""
        return f"Endpoint=sb://localhost:{self.admin};{KEY}"

    def depth(self):
        """Active messages on the subscription, as KEDA counts them; None while nobody answers."""
        request = urllib.request.Request(
            f"https://localhost:{self.admin}/orders/subscriptions/notify?api-version=2021-05", headers={"Authorization": "SharedAccessSignature sr=x"})
        try:
            with urllib.request.urlopen(request, context=self.tls, timeout=5) as answer:
                return int(re.search(rb"ActiveMessageCount[^>]*>(\d+)<", answer.read())[1])
        except OSError:
            return None
