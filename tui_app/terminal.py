"""Between Textual and the terminal: only cells that differ are sent, and no frame waits behind another.

    painter = Painter()
    painter.diffed(update, size)       # a compositor update that sends the difference, or the same update
    painter.forget()                   # the next frame is sent whole: resized, resumed, ctrl+l
    metered(LinuxDriver)               # a driver that knows whether the terminal has taken the last frame

Textual sends a changed region whole. This leans on private parts of it, so it is used only with a version
that it is proven with (tests/unit/render/test_cell_diff.py); with any other, Textual draws by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import textual
import textual.screen
from rich.color import ColorSystem
from rich.console import Console, RenderableType
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App, ReturnType
from textual.driver import Driver
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer

from tui_app.render.cell_diff import FrontBuffer, Piece

CATCH_UP_SECONDS = 0.02
"""How often a terminal that is behind is asked whether it still is."""
AFTER_A_FRAME_SECONDS = 1 / 120
"""How long a screen that has just been drawn waits before it may be drawn again. In Textual it is a sixtieth
of a second, for whoever animates; here a stream has a pace of its own, and what waited was the answer to a
key."""
textual.screen.UPDATE_PERIOD = AFTER_A_FRAME_SECONDS  # type: ignore[misc]  # the same as its TEXTUAL_FPS
PROVEN_WITH = frozenset({"8.2.8"})
_LOG = logging.getLogger(__name__)


def _is_installed(version: str) -> bool:
    """Whether Textual is of this version: by its files, because asking for its version takes 10 ms."""
    return Path(textual.__path__[0]).with_name(f"textual-{version}.dist-info").is_dir()


class Painter:
    """What the terminal shows; it is left out (``active`` False) where Textual is another one."""

    def __init__(self, versions: frozenset[str] = PROVEN_WITH) -> None:
        self.active = any(_is_installed(version) for version in versions)
        self._front: FrontBuffer | None = None

    def forget(self) -> None:
        """Somebody else may have written on the terminal."""
        self._front = None

    def diffed(self, update: RenderableType | None, size: Size) -> RenderableType | None:
        """The update in a form that sends only what differs; anything else as it is."""
        if not self.active or not isinstance(update, LayoutUpdate | ChopsUpdate):
            return update
        return cast("RenderableType", Difference(self, update, size))

    def render(self, update: LayoutUpdate | ChopsUpdate, size: Size, console: Console) -> str:
        """What to send. Whatever goes wrong, it is what Textual would have sent."""
        try:
            return self._buffer(size, console).paint(pieces(update))
        except Exception:
            _LOG.exception("cell diff failed; Textual draws by itself from now on")
            self.active, self._front = False, None
            return update.render_segments(console)

    def _buffer(self, size: Size, console: Console) -> FrontBuffer:
        colours = console._color_system or ColorSystem.TRUECOLOR
        front = self._front
        if front is None or (front.columns, front.rows, front.colours) != (*size, colours):
            front = self._front = FrontBuffer(*size, colours)
        return front


class Difference(CompositorUpdate):
    """An update that is compared with the terminal at the moment in which it is sent."""

    def __init__(self, painter: Painter, update: LayoutUpdate | ChopsUpdate, size: Size) -> None:
        self._painter, self._update, self._size = painter, update, size

    def render_segments(self, console: Console) -> str:
        """The difference."""
        return self._painter.render(self._update, self._size, console)


def pieces(update: LayoutUpdate | ChopsUpdate) -> Iterator[Piece]:
    """What an update would put where."""
    return _of_layout(update) if isinstance(update, LayoutUpdate) else _of_chops(update)


def _of_layout(update: LayoutUpdate) -> Iterator[Piece]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield y, x, [(text, style) for text, style, control in strip._segments if not control]
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[Piece]:
    for y, start, end in update.spans:
        for right, (left, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or left >= end or right <= start:
                continue
            first, last = max(left, start), min(right, end)
            if first > left or last < right:
                strip = strip.crop(first - left, last - left)
            yield y, first, [(text, style) for text, style, control in strip._segments if not control]


class Outlet:
    """The file that the terminal is, which knows whether what was written has been taken."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.busy = False

    def write(self, text: str) -> int:
        """Write; it blocks while the terminal does not read."""
        self.busy = True
        return int(self._file.write(text))

    def flush(self) -> None:
        """Wait until everything is taken."""
        self._file.flush()
        self.busy = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def metered(driver: type[Driver]) -> type[Driver]:
    """The same driver with an `Outlet`, where it has a file at all."""

    class Metered(driver):  # type: ignore[valid-type, misc]
        """Counts nothing while it is not written to."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            file: Any = getattr(self, "_file", None)
            if file is not None:
                self._file = Outlet(file)

    return Metered


def is_behind(driver: object) -> bool:
    """Whether something that was sent has not been taken by the terminal yet."""
    queue = getattr(getattr(driver, "_writer_thread", None), "_queue", None)
    outlet = getattr(driver, "_file", None)
    return (queue is not None and queue.qsize() > 0) or (isinstance(outlet, Outlet) and outlet.busy)


class TerminalApp(App[ReturnType]):
    """An application that sends differences, and drops frames instead of waiting for the terminal."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.painter = Painter()
        self._painted: Screen[Any] | None = None
        self._catching_up: Timer | None = None

    def get_driver_class(self) -> type[Driver]:
        """Textual's, with an `Outlet`."""
        return metered(super().get_driver_class())

    @property
    def is_behind(self) -> bool:
        """Whether the terminal has not yet taken what was sent; asking makes sure of `caught_up`."""
        behind = is_behind(self._driver)
        if behind and self._catching_up is None:
            self._catching_up = self.set_interval(CATCH_UP_SECONDS, self._catch_up)
        return behind

    def caught_up(self) -> None:
        """The terminal has taken everything: called once after it was behind, before all is painted again."""

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        """Textual's picture (SVG), with its blanks and charts in place in whatever opens it."""
        from tui_app.picture import for_every_renderer

        return for_every_renderer(super().export_screenshot(title=title, simplify=simplify))

    def repaint(self) -> None:
        """Send every cell again, whatever is believed to stand there."""
        self.painter.forget()
        self.screen.refresh(layout=True)

    def on_resize(self, event: Resize) -> None:
        """A terminal that is resized moves what stands on it."""
        self.painter.forget()

    def _resume_signal(self) -> None:
        self.painter.forget()
        super()._resume_signal()

    def _catch_up(self) -> None:
        if is_behind(self._driver) or self._catching_up is None:
            return
        self._catching_up.stop()
        self._catching_up = None
        self.caught_up()
        self.screen.refresh()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if renderable is not None and self.is_behind:
            return
        if screen is not self._painted:
            self.painter.forget()
            self._painted = screen
        super()._display(screen, self.painter.diffed(renderable, self.size))
