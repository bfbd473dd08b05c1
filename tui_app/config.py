"""The operator's own settings, each with where it came from: flag, environment, file, default.

    settings = load(flags={"target": None})
    settings["target"].value, settings["target"].origin      # 'local', 'default'

    load_prices().of("H100")                                 # an hour's price, None where none is configured

The file is ``config.toml`` (`tui_app.locations.config_file`), the variables are ``MIDDLEWATCH_*``. Its
table ``[prices]`` has the price of an hour of one GPU by type, and ``currency``; nothing has a price by
default.
A value that is not allowed is refused with its origin and what is allowed. What a run is asked to do
is `remote.vocabulary.run_config`, not here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from tui_app.locations import TARGETS, config_file
from tui_app.state.cost import Prices

PREFIX = "MIDDLEWATCH_"
PRICES = "prices"
MOST_CURRENCY = 8


class SettingError(ValueError):
    """A setting has a value that is not allowed, or the file cannot be read."""


class Setting(msgspec.Struct, frozen=True):
    """A value and where it came from."""

    value: str
    origin: str


DEFAULTS = {"target": "local", "read_only": "no", "ascii": "auto", "on_alert": "", "bell": "no", "osc9": "no"}
_YES_NO = ("no", "yes")
ALLOWED = {
    "target": TARGETS,
    "read_only": _YES_NO,
    "ascii": ("auto", *_YES_NO),
    "bell": _YES_NO,
    "osc9": _YES_NO,
}
"""The settings that are one of a few words; ``on_alert`` is a command."""


def load(
    flags: Mapping[str, str | None],
    environment: Mapping[str, str] | None = None,
    path: Path | None = None,
) -> dict[str, Setting]:
    """Every setting. SettingError names the first bad one."""
    environment = os.environ if environment is None else environment
    path = path or config_file()
    from_file = _read(path)
    found = {}
    for name, default in DEFAULTS.items():
        found[name] = _chosen(name, default, flags.get(name), environment, from_file, path)
    return found


def load_prices(path: Path | None = None) -> Prices:
    """What the operator pays for GPUs. SettingError."""
    path = path or config_file()
    table = _read(path).get(PRICES, {})
    if not isinstance(table, dict):
        raise SettingError(f"{path}: {PRICES} is {table!r}; allowed is a table of GPU type = price an hour")
    per_hour = {}
    for name, value in table.items():
        if name == "currency":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise SettingError(f"{path}: the price of {name} is {value!r}; allowed is 0 to 1000000 an hour")
        per_hour[name] = float(value)
    return Prices(per_hour, str(table.get("currency", ""))[:MOST_CURRENCY])


def modal_token_origin(environment: Mapping[str, str] | None = None) -> str | None:
    """Where the modal client would find the operator's token, None if nowhere. Reads no token."""
    environment = os.environ if environment is None else environment
    if environment.get("MODAL_TOKEN_ID") and environment.get("MODAL_TOKEN_SECRET"):
        return "MODAL_TOKEN_ID and MODAL_TOKEN_SECRET"
    file = Path(environment.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml")
    return str(file) if file.exists() else None


def _chosen(
    name: str,
    default: str,
    flag: str | None,
    environment: Mapping[str, str],
    from_file: Mapping[str, Any],
    path: Path,
) -> Setting:
    variable = PREFIX + name.upper()
    if flag is not None:
        return _allowed(name, Setting(flag, f"--{name.replace('_', '-')}"))
    if environment.get(variable):
        return _allowed(name, Setting(_spoken(name, environment[variable]), variable))
    if name in from_file:
        return _allowed(name, Setting(_word(from_file[name]), str(path)))
    return Setting(default, "default")


def _allowed(name: str, setting: Setting) -> Setting:
    allowed = ALLOWED.get(name)
    if allowed is not None and setting.value not in allowed:
        raise SettingError(
            f"{name} is {setting.value!r} (from {setting.origin}); allowed is {' or '.join(allowed)}"
        )
    return setting


def _spoken(name: str, value: str) -> str:
    """A variable's 0 and 1 are the no and yes of a setting that has them."""
    return {"0": "no", "1": "yes"}.get(value, value) if "yes" in ALLOWED.get(name, ()) else value


def _word(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    import tomllib

    try:
        content = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"cannot read {path}: {error}") from error
    unknown = sorted(set(content) - {*DEFAULTS, PRICES})
    if unknown:
        raise SettingError(f"{path} has {unknown[0]!r}; allowed is {' or '.join((*DEFAULTS, PRICES))}")
    return content
