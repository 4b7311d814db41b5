"""The list of checks: a check says in its name what is promised and in `documented` where Microsoft says so."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class Check:
    name: str
    documented: str
    run: Callable
    alone: bool
    messages: int


CHECKS: list[Check] = []


def check(name, documented, *, alone=False, messages=0):
    """Registers a check. `alone`: it runs when the others are done; `messages`: how many it moves, if it measures."""

    def register(run):
        if any(other.name == name for other in CHECKS):
            raise ValueError(f"two checks are named {name!r}")
        CHECKS.append(Check(name, documented, run, alone, messages))
        return run

    return register


def equal(what, actual, expected):
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def between(what, actual, least, most):
    if not least <= actual <= most:
        raise AssertionError(f"{what}: expected {least!r} to {most!r}, got {actual!r}")


def present(what, actual):
    if actual is None:
        raise AssertionError(f"{what} is not set")
    return actual


def refused(what, error, call):
    """Runs `call`, which must raise `error` itself or a kind of it; returns what was raised."""
    try:
        result = call()
    except error as raised:
        return raised
    except Exception as other:
        raise AssertionError(f"{what}: expected {error.__name__}, got {type(other).__name__}: {other}") from other
    raise AssertionError(f"{what}: expected {error.__name__}, but it returned {result!r}")
