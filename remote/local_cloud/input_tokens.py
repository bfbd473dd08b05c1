"""How a client names an input that it wants tried again: Modal's client reads the index in the name."""

from __future__ import annotations

import base64
import json


def input_token(input_id: str, idx: int) -> str:
    """An input's name for its client, who reads the index in it: an unsigned JWT."""
    parts = [{"alg": "none"}, {"input_id": input_id, "idx": idx}]
    return ".".join(
        [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts] + [""]
    )


def input_of_token(token: str) -> str:
    """The input id of `input_token`; ValueError for anything else."""
    try:
        payload = token.split(".")[1]
        return str(json.loads(base64.urlsafe_b64decode(payload + "=="))["input_id"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{token[:40]!r} names no input") from error
