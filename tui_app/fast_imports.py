"""Imports that an operator waits for, without what they do not need."""

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def fast_imports() -> Iterator[None]:
    """Nothing is looked through for garbage, from here until the first screen stands (`tui_app.app` turns
    that on again). And asyncio, which does without TLS where Python has none, does without it: a dashboard
    talks to files, and OpenSSL is a twentieth of its start. Whoever imports ssl afterwards gets it."""
    gc.disable()
    here = "ssl" in sys.modules
    if not here:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # as the import system says: there is none
    try:
        yield
    finally:
        if not here:
            del sys.modules["ssl"]
