"""Object ids in Modal's form: a two-letter kind and 22 random letters and digits."""

from __future__ import annotations

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(kind: str) -> str:
    """A fresh id such as ``fc-4kP…``; 131 random bits, so no two are ever the same."""
    return f"{kind}-{''.join(secrets.choice(_ALPHABET) for _ in range(22))}"
