"""What the release promises without a bus: order of start, rolling upgrades, deaths, drains."""

import contextlib
import json
import random
import sqlite3
import time
from datetime import datetime

from control_plane import NAMESPACE, Watch, is_ready, until
from load import Load, get

PODS, JOBS = f"/api/v1/namespaces/{NAMESPACE}/pods", f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"


def kept(promise):
    print(f"ok   {promise}", flush=True)


def hold(plane, release, seconds):
    without_the_schema_nobody_is_ready(plane, release)
    what_failed_is_deployed_again(plane, release)
    restricted_pods_only(plane)
    api_is_spread_over_zones(plane)
    an_upgrade_fails_no_request(plane, release, seconds)
    a_drain_fails_no_request(plane, release, seconds)
    pods_use_what_they_ask_for(plane)
    a_killed_pod_loses_no_order(plane, release, seconds)


def without_the_schema_nobody_is_ready(plane, release):
    # As a database whose rights are not there yet: it can be read, and nobody may write.
    with contextlib.closing(sqlite3.connect(release.folder / "orders.sqlite", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        failed = release.deploy("release", timeout=15, check=False)
        assert failed.returncode != 0, "Helm takes a release for installed whose Pods are not ready"
        until("the HorizontalPodAutoscaler makes the second Pod", lambda: len(plane.pods("api")) == 2)
        until("the migration has failed", lambda: restarts(plane, "migrate") >= 1)
        assert not any(map(is_ready, plane.pods("api"))), "a Pod is ready without the schema"
    kept("without the schema nobody is ready, and the release fails")


def restarts(plane, component):
    return sum(status["restartCount"] for pod in plane.pods(component) for status in pod["status"].get("containerStatuses", []))


def what_failed_is_deployed_again(plane, release):
    pods = Watch(plane, PODS)
    release.deploy("release")
    served = until("a Pod is seen ready", lambda: pods.first(serves))
    pods.ended = True
    job = plane.get(JOBS)["items"][0]
    assert job["status"]["succeeded"] == 1, job["status"]
    log = plane.log(plane.pods("migrate")[0]["metadata"]["name"]).splitlines()
    # What the tries before said to the end is no JSON.
    lines = [json.loads(line) for line in log if line.startswith("{")]
    done = next(line for line in lines if line["message"] == "the schema is up to date")
    migrated = datetime.fromisoformat(done["timestamp"]).timestamp()
    # Both are this machine's clock: what the process wrote, and when the API server said so.
    assert migrated < served, f"a Pod was ready {migrated - served:.3f} s before the migration was done"
    kept("the same values are deployed again, and the same Job migrates")
    kept(f"no Pod is ready before the migration is done; the first was {(served - migrated) * 1000:.0f} ms later")


def serves(pod):
    return pod["metadata"].get("labels", {}).get("app.kubernetes.io/component") in ("api", "worker") and is_ready(pod)


def restricted_pods_only(plane):
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root", "namespace": NAMESPACE},
           "spec": {"containers": [{"name": "root", "image": "root"}]}}
    refused = plane.kubectl("apply", "-f", "-", check=False, stdin=json.dumps(pod))
    assert refused.returncode != 0 and "violates PodSecurity \"restricted" in refused.stderr, refused.stderr
    kept("the namespace takes restricted Pods only")


def api_is_spread_over_zones(plane):
    until("two Pods are ready", lambda: len(plane.ready("api")) >= 2)
    nodes = [pod["spec"]["nodeName"] for pod in plane.ready("api")]
    assert len(set(nodes)) == len(nodes), f"the api runs on {nodes}"
    kept(f"the api's {len(nodes)} Pods run in {len(set(nodes))} zones")


def stored(release, load):
    """Every order that a client was promised is there."""
    lost = [order for _, order in load.placed if get(release.address(), f"/api/orders/{order}", release.KEY)[0] != 200]
    assert not lost, f"{len(lost)} of {len(load.placed)} orders are lost: {lost[:3]}"
    assert load.placed, "no order was placed"
    if release.emulator:
        placed = {order for _, order in load.placed}
        until("every customer was told", lambda: not placed - release.told().keys(), 300, 1.0)


def an_upgrade_fails_no_request(plane, release, seconds):
    before = {pod["metadata"]["name"] for pod in plane.ready("api")}
    with Load(release.address(), release.KEY) as load:
        time.sleep(seconds / 4)
        begun = time.monotonic()
        release.deploy("the_next_release")
        took = time.monotonic() - begun
        gone = lambda: not before & {pod["metadata"]["name"] for pod in plane.pods("api")}  # noqa: E731
        until("the former Pods are gone", gone, 90)
        time.sleep(seconds / 4)
    assert not load.failures, f"{len(load.failures)} requests failed, the first: {load.failures[0]}"
    stored(release, load)
    versions = {pod["metadata"]["labels"]["app.kubernetes.io/version"] for pod in plane.ready("api")}
    assert versions == {"ba9876543210"}, versions
    jobs = [job["metadata"]["name"] for job in plane.get(JOBS)["items"]]
    assert len(jobs) == 1 and jobs[0].startswith("migrate-ba9876543210-"), jobs
    kept(f"an upgrade in {took:.0f} s under load: {len(load.placed)} orders, none lost, 0 requests failed, {load.reconnected} repeated")


def a_drain_fails_no_request(plane, release, seconds):
    drained, longest = [], 0.0
    with Load(release.address(), release.KEY) as load:
        time.sleep(seconds / 4)
        if release.emulator:
            until("KEDA has woken a worker", lambda: plane.ready("worker"))
        # The worker first: KEDA may take it to nothing, and need not put another in its place.
        for component, least in (("worker", 0), ("api", 2)):
            for pod in plane.ready(component):
                name, begun = pod["metadata"]["name"], time.monotonic()
                plane.kubectl("delete", "pod", name, "-n", NAMESPACE, "--wait", "--timeout", "120s")
                longest = max(longest, time.monotonic() - begun)
                until("another Pod took its place", lambda: len(plane.ready(component)) >= least)  # noqa: B023
                drained.append(name)
        time.sleep(seconds / 4)
    assert not release.emulator or any(name.startswith("worker") for name in drained), drained
    assert not load.failures, f"{len(load.failures)} requests failed, the first: {load.failures[0]}"
    stored(release, load)
    for name in drained:
        lines = [json.loads(line) for line in plane.log(name).splitlines()]
        assert lines[-1]["message"] == "ended", f"{name} did not end by itself: {lines[-1]}"
        assert not [line for line in lines if "end of the grace period" in line["message"]], name
        assert f"{name}: still running" not in plane.node_log(), f"{name} was killed at the end of its grace period"
    kept(f"{len(drained)} Pods drained under load, the longest in {longest:.1f} s of 60 (90 for a worker): {len(load.placed)} orders, 0 requests failed")


def pods_use_what_they_ask_for(plane):
    """Peak memory of each process since its start, against what the scheduler was told."""
    peaks = []
    for pod in plane.ready("api") + plane.ready("worker"):
        asked = pod["spec"]["containers"][0]["resources"]["requests"]["memory"]
        assert asked.endswith("Mi"), asked
        peak = plane.peak_memory(pod["metadata"]["name"])
        assert peak <= int(asked[:-2]), f"{pod['metadata']['name']} used {peak:.1f} MiB and asks for {asked}"
        peaks.append(peak)
    kept(f"no Pod used more memory than it asks for: at most {max(peaks):.1f} MiB")


def a_killed_pod_loses_no_order(plane, release, seconds):
    killed = killed_workers = 0
    with Load(release.address(), release.KEY) as load:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(random.uniform(0.5, 3.0))
            workers = plane.ready("worker")
            if workers and plane.kill(random.choice(workers)["metadata"]["name"]):
                killed_workers += 1
            pods = plane.ready("api")
            if len(pods) >= 2 and plane.kill(random.choice(pods)["metadata"]["name"]):
                killed += 1
    until("every killed container is started again", lambda: restarts(plane, "api") >= killed and len(plane.ready("api")) >= 2)
    refused = [what for _, what in load.failures if what[:1].isdigit()]
    assert not refused, f"a Pod's death is an answer that fails: {refused[:3]}"
    assert killed >= 2, f"{killed} Pods were killed"
    stored(release, load)
    kept(f"{killed} Pods of the api and {killed_workers} of the worker killed under load: {len(load.placed)} orders placed, none lost; {len(load.failures)} connections broken")
