"""The gate for text that a remote process wrote: nothing in it can drive the terminal.

    plain("\\x1b]52;c;cm0=\\x07ls\\x1b[31m -l")     # 'ls -l'
    plain_lines("a\\nb")                           # ['a', 'b']
    redact("Authorization: Bearer abcdefgh12345")  # 'Authorization: Bearer ‹redacted:bearer›'
    shown(text)                                    # redact, then plain

Rich and Textual pass escapes through. So every remote string goes through here once before it is
drawn, printed or copied. Whole escape sequences are removed; a torn one loses only its introducer,
so that it cannot swallow the text behind it; every other control character, and what reorders or
hides text, is shown as a visible sign. What comes out is printable, one line, and idempotent.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Mapping

LIMIT = 4000
"""Characters of one line that are kept."""
LINES_LIMIT = 10_000
_LONGEST_SEQUENCE = 4096
_NOTE_LENGTH = 16

_STRING_BODY = rf"[^\x07\x1b\x9c]{{0,{_LONGEST_SEQUENCE}}}"
_SEQUENCE = (
    rf"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]){_STRING_BODY}(?:\x07|\x1b\\|\x9c)"  # OSC, DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"  # CSI
    r"|\x1b[ -/]{1,16}[0-~]"  # such as character sets
    r"|\x1b[\]PX^_\[]?"  # torn: the introducer alone
    r"|[\x90\x98\x9b\x9d-\x9f]"
)
_UNSAFE = (
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_SIGNS = {**{chr(c): chr(0x2400 + c) for c in range(0x20)}, "\x7f": "␡", "\t": "    ", "\n": "↵"}
_LINE_END = "\r\n|[\n\u2028\u2029]"
"""Patterns, compiled when the first text needs them: most are ASCII, and a screen waits for this module."""


def plain(text: object, limit: int = LIMIT) -> str:
    """One printable line of at most ``limit`` characters, ending in a note of how many were cut.

    A line end becomes ``↵``; of what carriage returns overwrite, the last piece is kept, marked
    ``↩``. Takes any object and shows its ``str``.
    """
    line = str(text)
    if _is_plain(line, limit):
        return line
    beyond = max(0, len(line) - 4 * limit)
    line = re.sub(_SEQUENCE, "", line[: 4 * limit])
    line = re.sub(_UNSAFE, _sign, _last_piece(line.replace("\r\n", "\n")))
    return _cut(line, limit, beyond)


def plain_lines(text: object, limit: int = LIMIT) -> list[str]:
    """The lines of a longer text, each made `plain`; at most LINES_LIMIT of them."""
    return [plain(line, limit) for line in re.split(_LINE_END, str(text))[:LINES_LIMIT]]


def redact(text: str, secrets: Iterable[str] | None = None) -> str:
    """The text without what looks like a credential, and without the exact ``secrets`` (default:
    the values of this process's own token, key and password variables)."""
    for secret in _held() if secrets is None else secrets:
        text = text.replace(secret, "‹redacted:env›")
    if not _HINT.search(text):
        return text
    for kind, pattern in _SHAPES:
        text = re.sub(pattern, rf"\g<keep>‹redacted:{kind}›", text)
    return text


def shown(text: object, limit: int = LIMIT) -> str:
    """Ready for a screen: without credentials, and `plain`."""
    return plain(redact(str(text)[: 8 * limit]), limit)


def held_secrets(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Values of variables that are named like credentials, longest first."""
    found = {value for name, value in environment.items() if _SECRET_NAME.search(name) and len(value) > 8}
    return tuple(sorted(found, key=len, reverse=True))


@functools.cache
def _held() -> tuple[str, ...]:
    return held_secrets(os.environ)


def _is_plain(line: str, limit: int) -> bool:
    return len(line) <= limit and (line.isascii() or not re.search(_UNSAFE, line)) and line.isprintable()


def _cut(line: str, limit: int, beyond: int) -> str:
    """At most ``limit`` characters, the note included, so that cutting again changes nothing."""
    if not beyond and len(line) <= limit:
        return line
    kept = max(0, limit - _NOTE_LENGTH)
    if kept < _NOTE_LENGTH:
        return line[: max(0, limit - 1)] + "…"
    return f"{line[:kept]}… (+{len(line) - kept + beyond})"


def _last_piece(line: str) -> str:
    pieces = [piece for piece in line.split("\r") if piece]
    return "↩" + pieces[-1] if len(pieces) > 1 else "".join(pieces)


def _sign(match: re.Match[str]) -> str:
    char = match.group()
    return _SIGNS.get(char) or f"<U+{ord(char):04X}>"


_SECRET_NAME = re.compile(r"(?i)(token|secret|api_?key|passw|credential)")
_HINT = re.compile(r"(?i)hf_|wandb|ak-|as-|sk-|gh[pousr]_|github_pat|AKIA|bearer|eyJ|://|PRIVATE KEY")
_SHAPES = (
    ("hf", r"(?P<keep>)\bhf_[A-Za-z0-9]{16,}"),
    ("wandb", r"(?P<keep>)\bwandb_v1_[A-Za-z0-9_]{16,}"),
    ("wandb", r"(?P<keep>(?i:wandb)[^\n]{0,40}?)\b[0-9a-f]{40}\b"),
    ("modal", r"(?P<keep>)\ba[ks]-[A-Za-z0-9]{16,}"),
    ("key", r"(?P<keep>)\bsk-[A-Za-z0-9_-]{16,}"),
    ("github", r"(?P<keep>)\b(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})"),
    ("aws", r"(?P<keep>)\bAKIA[A-Z0-9]{12,}"),
    ("jwt", r"(?P<keep>)\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.?[A-Za-z0-9_-]*"),
    ("bearer", r"(?P<keep>(?i:bearer)\s+)(?!‹)[A-Za-z0-9._~+/=-]{8,}"),
    ("password", r"(?P<keep>://[^\s:/@]{0,64}:)(?!‹)[^\s@/]{1,256}(?=@)"),
    (
        "pem",
        r"(?P<keep>)-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
)
"""Kinds of credentials and their patterns, compiled when the first text hints at one: not before a screen."""
