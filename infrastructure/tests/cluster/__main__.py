"""The release that Terraform renders, on a real control plane: scheduler, controllers, admission, KEDA, Helm.

Swapped, because it cannot be reached from here, and nothing else:
  Azure SQL                 one SQLite file that all Pods share    ORDERS_DATABASE
  Key Vault                 a key in a setting                     ORDERS_KEYS
  Service Bus by identity   the emulator by connection string      ServiceBus, TriggerAuthentication
  Application Insights      none                                   APPLICATIONINSIGHTS_CONNECTION_STRING
  Azure's load balancer     an address in the Service's status
  minutes of waiting        seconds                                KEDA's polling and cool-down, and how slowly the HPAs take Pods away
"""

import contextlib
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import promises  # noqa: E402
import scaling  # noqa: E402
from control_plane import ControlPlane  # noqa: E402
from emulator import Emulator  # noqa: E402
from release import IMAGE, Release  # noqa: E402

folder = Path(sys.argv[1])
binary = Path(os.environ.get("ORDERS_BINARY", "target/app/orders")).resolve()
place = folder / "cluster"
# Seconds of each load.
seconds = float(os.environ.get("ORDERS_CLUSTER_SECONDS", "12"))

shutil.rmtree(place, ignore_errors=True)
place.mkdir(parents=True)
# As in Azure the database is there before the first Pod, and empty.
(place / "orders.sqlite").touch()
with contextlib.ExitStack() as stack:
    emulator = Emulator.find(place)
    if emulator:
        stack.enter_context(emulator)
    swapped = {
        "ORDERS_DATABASE": f"sqlite:{place}/orders.sqlite",
        "ORDERS_KEYS": f"check={Release.KEY}",
        "ORDERS_KEY_VAULT": "",
        "ServiceBus": emulator.connection if emulator else "",
        "ServiceBus__fullyQualifiedNamespace": "",
        "ServiceBus__clientId": "",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "",
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "",
        # Not swapped but added: what is told can be counted.
        "NOTIFY_CHANNELS": "file",
        "NOTIFY_FILE": str(place / "notifications.jsonl"),
    }
    plane = stack.enter_context(ControlPlane(place / "plane", (IMAGE, binary), swapped, emulator and emulator.authority))
    release = Release(plane, folder, place, emulator)
    promises.hold(plane, release, seconds)
    if emulator:
        scaling.hold(plane, release, emulator, seconds * 3, place)
if not emulator:
    print("!! there is no emulator of Service Bus here (ORDERS_EMULATOR), so scaling by depth was NOT checked", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") == "true" and Path("functions/servicebus-emulator").exists() else 0)
