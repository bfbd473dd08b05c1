"""Nothing that a remote process writes can drive the terminal, hide text, or show a credential."""

import string
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tui_app.text_safety import held_secrets, plain, plain_lines, redact, shown

HOSTILE = [
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1b]0;title\x1b\\",
    "\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "\x9d0;t\x9c",
    "\x1bP1$r\x1b\\",
    "\x1bc",
    "\x1b(0",
    "\x00\x07\x08\x7f",
    "\u202edrow\u202c",
    "a\u200bb\ufeff",
    "\x1b\x1b[0m[31m",
    "\x1b]never ended",
    "\ud800",
    "\U000e0041",
]


def is_harmless(text: str) -> bool:
    return not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_control_character_comes_through(text: str) -> None:
    assert not is_harmless(text)
    assert is_harmless(plain(f"before {text} after"))
    assert plain(f"before {text} after").startswith("before ")
    assert plain(f"before {text} after").endswith(" after")


@given(
    st.text(
        st.sampled_from("\x1b\x9b\x9d\x90[]PX^_;?0159mMhc\x07\\\x9c\r\n\t\u202e\u200bab é漢"), max_size=60
    )
)
@example("\x1b" * 40)
@settings(max_examples=1500, deadline=None)
def test_any_mixture_of_escapes_becomes_harmless_and_stays_so(text: str) -> None:
    once = plain(text)
    assert is_harmless(once)
    assert plain(once) == once


@given(st.text(max_size=80), st.integers(1, 60))
@settings(max_examples=500, deadline=None)
def test_a_limit_is_kept_and_cutting_again_changes_nothing(text: str, limit: int) -> None:
    once = plain(text, limit)
    assert len(once) <= limit
    assert plain(once, limit) == once


def test_colours_go_and_words_stay() -> None:
    assert plain("\x1b[1;31mloss\x1b[0m 0.5") == "loss 0.5"
    assert plain("naïve 漢字 🙂 [/x] [@click=app.quit]") == "naïve 漢字 🙂 [/x] [@click=app.quit]"


def test_a_torn_sequence_does_not_swallow_what_follows() -> None:
    assert plain("\x1b]52;c;secret work done") == "52;c;secret work done"


def test_an_overwritten_line_is_marked_and_a_line_end_is_shown() -> None:
    assert plain("10%\r50%\r100%") == "↩100%"
    assert plain("done\r\n") == "done↵"
    assert plain_lines("a\nb\r\nc\td") == ["a", "b", "c    d"]


def test_a_cut_line_says_how_much_is_missing() -> None:
    assert plain("x" * 5000, 100) == "x" * 84 + "… (+4916)"
    assert plain("x" * 500_000, 100).endswith("… (+499916)")


def test_what_is_not_text_is_shown_as_text() -> None:
    assert plain(None) == "None"
    assert plain(3.5) == "3.5"


CREDENTIALS = [
    "hf_" + "a1B2" * 8,
    "wandb login " + "0123456789abcdef" * 2 + "01234567",
    "ak-" + "Ab1" * 8,
    "as-" + "Ab1" * 8,
    "sk-" + "proj_x9" * 5,
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 9,
    "AKIA" + "ABCD1234" * 2,
    "Authorization: Bearer abc.def-ghi_jkl",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
    "pg://ann:hunter22@db/x",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("text", CREDENTIALS)
def test_a_credential_is_not_shown(text: str) -> None:
    cleaned = redact(f"a {text} b", secrets=())
    secret = max(text.replace("\n", " ").replace("@", " ").replace(":", " ").split(), key=len)
    assert "‹redacted:" in cleaned
    assert secret not in cleaned
    assert cleaned.startswith("a ")
    assert cleaned.endswith(" b")
    assert redact(cleaned, secrets=()) == cleaned


def test_ordinary_words_are_not_redacted() -> None:
    for text in (
        "task-runner as-is",
        "sha256 " + string.hexdigits,
        "https://modal.com/docs",
        "bearer of news",
    ):
        assert redact(text, secrets=()) == text


def test_secrets_of_this_process_are_not_shown() -> None:
    held = held_secrets({"WANDB_API_KEY": "tellnobody1", "PATH": "/usr/bin:/bin", "MY_TOKEN": "short"})
    assert held == ("tellnobody1",)
    assert redact("key tellnobody1!", held) == "key ‹redacted:env›!"


def test_shown_does_both() -> None:
    assert shown("\x1b[31mBearer abcdefghijkl") == "Bearer ‹redacted:bearer›"
