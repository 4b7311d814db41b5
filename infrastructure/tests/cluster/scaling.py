"""KEDA takes the worker from nothing to several by the subscription's depth, and back; every order is told."""

import json
import threading
import time

from control_plane import NAMESPACE, until
from load import Load
from picture import draw
from promises import kept, stored

WORKER = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/worker"
# Orders a second: about what one worker tells, one message at a time.
RATE = 400.0


class Course:
    """What can be seen from outside, twice a second."""

    def __init__(self, plane, release, emulator):
        self.plane, self.release, self.emulator = plane, release, emulator
        self.samples, self.begun, self.stop = [], time.time(), threading.Event()
        self.load = None
        self.thread = threading.Thread(target=self.follow, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(30)

    def follow(self):
        before = self.release.told().total()
        while not self.stop.wait(0.5):
            depth, status = self.emulator.depth(), self.plane.get(WORKER)["status"]
            self.samples.append({
                "seconds": round(time.time() - self.begun, 1),
                "depth": depth,
                "replicas": status.get("replicas", 0),
                "ready": status.get("readyReplicas", 0),
                "placed": len(self.load.placed) if self.load else 0,
                "told": self.release.told().total() - before,
            })


def replicas(plane):
    return plane.get(WORKER)["status"].get("replicas", 0)


def one_at_a_time(manifests):
    """A worker that handles one message at a time cannot tell all of the load alone."""
    manifests["worker-deployment"]["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "NOTIFY_CONCURRENCY", "value": "1"})


def pause(plane, paused):
    plane.kubectl("annotate", "scaledobject", "worker", "-n", NAMESPACE, f"autoscaling.keda.sh/paused{'=true' if paused else '-'}")


def hold(plane, release, emulator, seconds, folder):
    release.deploy("the_next_release", one_at_a_time)
    until("an idle worker is taken to nothing", lambda: replicas(plane) == 0 and emulator.depth() == 0, 420, 1.0)
    pause(plane, True)
    with Course(plane, release, emulator) as course:
        with Load(release.address(), release.KEY, clients=16, per_second=RATE) as load:
            course.load = load
            # A depth that one worker does not clear before the HPA has looked, however fast the machine is.
            time.sleep(seconds / 2)
            pause(plane, False)
            time.sleep(seconds / 2)
        assert not load.failures, f"{len(load.failures)} requests failed, the first: {load.failures[0]}"
        stored(release, load)
        until("the worker is seen back at nothing", lambda: course.samples[-1]["replicas"] == 0, 600, 1.0)
    most = max(sample["replicas"] for sample in course.samples)
    deepest = max(sample["depth"] or 0 for sample in course.samples)
    assert most >= 2, f"KEDA made at most {most} workers at a depth of {deepest}"
    told = release.told()
    twice = sum(1 for _, order in load.placed if told[order] > 1)
    (folder / "course.json").write_text(json.dumps(course.samples))
    (folder / "course.svg").write_text(draw(course.samples))
    kept(f"KEDA took the worker from 0 to {most} and back to 0 at a depth of up to {deepest}: "
         f"{len(load.placed)} orders, every one told, {twice} twice")
