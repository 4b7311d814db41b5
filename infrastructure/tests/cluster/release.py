"""The release: what Terraform rendered, with what is swapped, installed by Helm."""

import json
import subprocess
import threading
from collections import Counter

from control_plane import NAMESPACE, run, secret, until
from proxy import Proxy

CHART = "infrastructure/modules/workload/chart"
IMAGE = "crordersdev"


class Release:
    KEY = "0123456789abcdef0123456789abcdef"

    def __init__(self, plane, rendered, folder, emulator=None):
        self.plane, self.rendered, self.folder, self.emulator, self.proxy = plane, rendered, folder, emulator, None

    def manifests(self, version):
        manifests = json.loads((self.rendered / f"{version}.json").read_text())["manifests"]
        if self.emulator is None:
            # Without a bus there is nothing to receive and no depth to scale by.
            return {name: manifest for name, manifest in manifests.items() if not name.startswith("worker")}
        manifests["worker-triggerauthentication"]["spec"] = {
            "secretTargetRef": [{"parameter": "connection", "name": "service-bus", "key": "connection"}]}
        manifests["worker-secret"] = secret("service-bus", connection=self.emulator.management)
        self.hurry(manifests["worker-scaledobject"]["spec"])
        return manifests

    @staticmethod
    def hurry(scaled):
        """What waits for minutes waits for seconds; how many Pods for how many messages stays as it is."""
        scaled["pollingInterval"], scaled["cooldownPeriod"] = 5, 10
        down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        down["stabilizationWindowSeconds"], down["policies"][0]["periodSeconds"] = 10, 10

    def deploy(self, version, change=lambda manifests: None, timeout=120, check=True):
        """Installs or upgrades to a version, as Terraform's helm_release does: waits for rollout and Jobs."""
        manifests = self.manifests(version)
        change(manifests)
        values = self.folder / f"{version}.json"
        values.write_text(json.dumps({"manifests": manifests}))
        balancer = threading.Thread(target=self.give_address, args=(timeout,), daemon=True)
        balancer.start()
        return run(
            "helm", "upgrade", "--install", "orders", CHART, "--namespace", "default", "--values", str(values), "--wait", "--wait-for-jobs",
            "--timeout", f"{timeout}s", env=self.plane.env, check=check, timeout=timeout + 60)

    def give_address(self, timeout):
        """Plays Azure's load balancer: Helm waits until the Service has an address."""
        status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.4"}]}}})
        patch = ["patch", "service", "api", "-n", NAMESPACE, "--subresource", "status", "--type", "merge", "-p", status]
        try:
            until("the Service is there", lambda: self.plane.kubectl(*patch, check=False).returncode == 0, timeout, 0.3)
        except (AssertionError, subprocess.TimeoutExpired):
            pass

    def told(self):
        """Orders that a notification was written for, each as often as it was."""
        file = self.folder / "notifications.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return Counter(json.loads(line)["orderId"] for line in lines if line.endswith("}"))

    def address(self):
        """Where the Service answers on this machine."""
        self.proxy = self.proxy or Proxy(self.plane, "api")
        return self.proxy.address
