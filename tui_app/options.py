"""What an operator's config changes about the dashboard, beside how it is started.

run_app(locations, options=options_of(load({})))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from tui_app.config import Setting, load_prices
from tui_app.state.cost import Prices


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """``bell`` and ``osc9`` are for new alerts."""

    prices: Prices = Prices()
    bell: bool = False
    osc9: bool = False


AS_USUAL = Options()


def options_of(settings: Mapping[str, Setting], path: Path | None = None) -> Options:
    """What these settings and the config file's prices come to. SettingError."""
    return Options(
        prices=load_prices(path), bell=settings["bell"].value == "yes", osc9=settings["osc9"].value == "yes"
    )
