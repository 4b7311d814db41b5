#!/usr/bin/env python3
"""Checks a Service Bus emulator with Microsoft's Python client, azure-servicebus.

The emulator must run with ../Config.json and be fresh: checks expect empty entities.
The last line is `N passed, N failed`; the exit code is 1 if a check failed."""

import argparse
import concurrent.futures
import logging
import os
import sys
import threading
import time
import traceback

from bus import Bus
from checks import administration, locks, receiving, sending, sessions, settlement, throughput, topics  # noqa: F401
from registry import CHECKS

DEADLINE = 60.0
"""Seconds that one check may take; a check that moves messages gets 1 s more for each 100."""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connection", default=os.environ.get("SERVICEBUS_CONNECTION"), help="or SERVICEBUS_CONNECTION")
    parser.add_argument("--admin", default=os.environ.get("SERVICEBUS_ADMIN"), help="http://host:port, or SERVICEBUS_ADMIN")
    parser.add_argument("--only", default="", help="run only the checks whose name or module contains this text")
    parser.add_argument("--throughput", action="store_true", help="measure only, and with 100,000 messages too")
    parser.add_argument("--jobs", type=int, default=12, help="how many checks run at once")
    parser.add_argument("--list", action="store_true", help="print the checks and what they check, and end")
    given = parser.parse_args()
    if not given.list and not (given.connection and given.admin):
        parser.error("the connection string and the administration URL are needed: see --connection and --admin")
    return given


def chosen(given):
    checks = [c for c in CHECKS if given.only in c.name or given.only in c.run.__module__]
    if given.throughput:
        return [c for c in checks if c.messages > 0]
    return [c for c in checks if c.messages <= 1_000]


def outcome(check, bus):
    """Runs one check: what it returned, what went wrong if something did, and the seconds."""
    begin = time.monotonic()
    try:
        return check.run(bus), None, time.monotonic() - begin
    except Exception:
        return None, traceback.format_exc(), time.monotonic() - begin


def stack(name):
    """Where the thread of that name is, for a check that does not end."""
    ident = next((t.ident for t in threading.enumerate() if t.name == name), None)
    frame = sys._current_frames().get(ident)
    return "".join(traceback.format_stack(frame)) if frame else "its thread is gone\n"


def run(checks, bus, jobs):
    """Runs the checks, `jobs` at a time, each in a thread of its own, and prints a line for each; returns the failures."""
    waiting, running, failed = list(checks), {}, 0
    while waiting or running:
        while waiting and len(running) < jobs:
            check, future = waiting.pop(0), concurrent.futures.Future()
            work = lambda check=check, future=future: future.set_result(outcome(check, bus))
            threading.Thread(target=work, name=check.name, daemon=True).start()
            running[future] = (check, time.monotonic())
        concurrent.futures.wait(running, timeout=0.5, return_when=concurrent.futures.FIRST_COMPLETED)
        for future, (check, begin) in list(running.items()):
            late = time.monotonic() - begin > DEADLINE + check.messages / 100
            if future.done():
                said, wrong, seconds = future.result()
            elif late:
                said, wrong, seconds = None, f"It did not end. It is here:\n{stack(check.name)}", time.monotonic() - begin
            else:
                continue
            del running[future]
            failed += bool(wrong)
            report(check, said, wrong, seconds)
    return failed


def report(check, said, wrong, seconds):
    print(f"{'FAIL' if wrong else 'pass'} {seconds:6.2f} s  {check.name}  [{check.documented}]", flush=True)
    for line in (wrong or said or "").splitlines():
        print(f"               {line}", flush=True)


def main():
    given = arguments()
    checks = chosen(given)
    if given.list:
        for check in checks:
            print(f"{check.name}  [{check.documented}]")
        return 0
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    bus = Bus(given.connection, given.admin)
    failed = run([c for c in checks if not c.alone], bus, given.jobs) + run([c for c in checks if c.alone], bus, 1)
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    return 1 if failed or not checks else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # A check that hangs leaves a thread of the client behind, which would keep the process from ending.
    os._exit(code)
