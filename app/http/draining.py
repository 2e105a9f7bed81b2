"""Whether this process is about to stop: it answers what it has begun, and tells load balancers to go elsewhere."""

import threading

_begun = threading.Event()


def begin() -> None:
    """From now on /health/ready says 503. Safe in a signal handler."""
    _begun.set()


def begun() -> bool:
    """Whether the process is stopping."""
    return _begun.is_set()


def wait(seconds: float) -> bool:
    """Sleep, but not beyond the beginning of the end: True when it has begun. For threads in the background."""
    return _begun.wait(seconds)
