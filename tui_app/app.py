"""The dashboard: wires the feed, the desk and the screens together, and carries keys to intents.

    run_app(Locations.of("local"), "sort-digits")      # the exit status; runs go on when it ends

It reads journals and writes intents, through `tui_app.feed` and on its thread. Nothing is drawn but
in `tick`, at most eight times a second, and only by what is visible and changed.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.events import Key, Resize
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from styles import sheet
from tui_app.acting_app import ActingApp
from tui_app.acting_feed import ActingFeed
from tui_app.feed import Feed
from tui_app.least_size import fits
from tui_app.locations import Locations
from tui_app.options import AS_USUAL, Options
from tui_app.pacing import SLOWEST_SECONDS, Pace
from tui_app.remembered import Layout, load, save
from tui_app.render.glyphs import ascii_only
from tui_app.ringing import Ringer
from tui_app.screens.desk_screen import DeskScreen
from tui_app.theme import MIDDLEWATCH, chosen
from tui_app.widgets.lines import ASCII_CLASS

if TYPE_CHECKING:
    from textual.app import SystemCommand

    from tui_app.lookup import Wanted
    from tui_app.screens.home import HomeScreen
    from tui_app.screens.run import RunScreen

PULSE_SECONDS = 0.25
FIRST_LOOK_SECONDS = 0.05
TOO_SMALL = "too-small"
SETTLED_SECONDS = 0.5
"""After so long the first screen stands, and other work may begin."""
SLOW_PULSES = 4
"""Pulses between two ticks while nothing happens: ages then change once a second."""


class Middlewatch(ActingApp):
    """Home and run screens over one target's journal."""

    CSS_PATH = sheet("app")
    TITLE = "middlewatch"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "quit", show=False, priority=True),
    ]

    class Arrived(Message):
        """The feed has put something aside."""

    def __init__(
        self,
        locations: Locations,
        run: str | None = None,
        *,
        read_only: bool = False,
        rw: bool = False,
        ascii_art: bool | None = None,
        options: Options = AS_USUAL,
        start_watcher: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        actor = None if read_only else ActingFeed(locations, on_news=self._arrive, clock=clock)
        super().__init__(locations, actor, rw=rw, clock=clock)
        self.feed: Feed = actor or Feed(locations, on_news=self._arrive, clock=clock)
        theme = chosen(os.environ)
        self.register_theme(theme)
        self.set_reactive(Middlewatch.theme, theme.name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.desk.prices = options.prices
        self.layout_kept = load(locations.state)
        self._ringer = Ringer(options.bell, options.osc9)
        self.animation_level = "none"
        self._first_run = run
        self._told = False
        self._ticked_at = self._watched_at = 0.0
        self._pace = Pace()
        self._waiting: Timer | None = None
        self._pulses = 0
        self._start_watcher = start_watcher and not read_only
        if ascii_only(os.environ, sys.stdout.encoding) if ascii_art is None else ascii_art:
            self.add_class(ASCII_CLASS)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own colours, for themes that do not bring them."""
        return dict(MIDDLEWATCH.variables)

    def on_load(self) -> None:
        """Read while the screen is still being put together."""
        self._watch(self._first_run)
        self.feed.start()

    def get_default_screen(self) -> Screen[None]:
        """The run that was asked for, else home; without a blank screen before it."""
        screen = _home() if self._first_run is None else _run(self._first_run)
        screen._push_result_callback(screen, None)  # as push_screen does, so that it can be switched
        return screen

    def on_mount(self) -> None:
        """Begin to tick; what can wait until the screen stands is done after it."""
        self.set_interval(PULSE_SECONDS, self._pulse)
        self.set_timer(SETTLED_SECONDS, self._settle)

    def begin(self) -> None:
        """A screen's widgets are there: show what is known. The first one waits a moment for the first look
        at the journal, because that is the thread which it would otherwise keep from its work."""
        if not self._ticked_at:
            self.feed.wait(FIRST_LOOK_SECONDS)
        self.tick()

    def _settle(self) -> None:
        """What is there by now stays; have a watcher started if none is."""
        gc.freeze()
        gc.enable()
        if self._start_watcher and self._actor is not None:
            threading.Thread(target=_ensure_watcher, args=(self._actor,), daemon=True).start()

    def on_unmount(self) -> None:
        """Stop reading."""
        self.feed.close()

    def on_key(self, event: Key) -> None:
        """A letter that comes here was not typed into anything: it may have been on its way when a line was
        opened to be typed."""
        if isinstance(self.screen, DeskScreen) and self.screen.typed_ahead(event):
            event.prevent_default()

    def on_resize(self, event: Resize) -> None:
        """Say so where the terminal is too small, and stop saying it when it is not."""
        shown = any(screen.name == TOO_SMALL for screen in self.screen_stack)
        if self.screen.name == TOO_SMALL and fits(*event.size):
            self.pop_screen()
        elif not shown and not fits(*event.size):
            from tui_app.screens.too_small import TooSmallScreen

            self.push_screen(TooSmallScreen(name=TOO_SMALL))

    def _arrive(self) -> None:
        """Called by the feed's thread: at most one message is under way."""
        if not self._told:
            self._told = True
            try:
                self.post_message(self.Arrived())
            except RuntimeError:
                """The loop has closed: nobody is left to be told."""

    def on_middlewatch_arrived(self) -> None:
        """Tick now, or as soon as the last tick is old enough."""
        self._told = False
        wait = self._ticked_at + self._pace.seconds - time.monotonic()
        if wait <= 0:
            self.tick()
        elif self._waiting is None:
            self._waiting = self.set_timer(wait, self.tick)

    def _pulse(self) -> None:
        self._pulses += 1
        screen = self._desk_screen()
        if self._pulses % SLOW_PULSES == 0 or (screen is not None and screen.lively):
            self.tick()

    def tick(self) -> None:
        """Take the news, and let the screen show what changed. Skipped while frames pile up."""
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None
        if not self.is_running or self.is_behind:
            return
        news = self.feed.take()
        self.desk.put(news)
        if news.alerts is not None:
            self._ring(self._ringer.signals(news.alerts, self.clock()))
        screen = self._desk_screen()
        if screen is not None and screen.ready and (self.feed.caught_up or self._late()):
            self._ticked_at = time.monotonic()
            self._pace.frame()
            with self.batch_update():
                screen.show_desk(self.desk, self.clock())

    def _ring(self, signals: str) -> None:
        """Send the bell or a notification straight to the terminal."""
        if signals and self._driver is not None:
            self._driver.write(signals)

    def _desk_screen(self) -> DeskScreen | None:
        """The screen that shows the desk, also below a dialog."""
        return next((s for s in reversed(self.screen_stack) if isinstance(s, DeskScreen)), None)

    def caught_up(self) -> None:
        """The terminal reads again: show it what it has missed."""
        self.tick()

    def _late(self) -> bool:
        """Whether a history is so long that it is better shown as it comes."""
        return time.monotonic() - self._watched_at > SETTLED_SECONDS

    def _watch(self, run: str | None) -> None:
        self._watched_at = time.monotonic()
        self._ticked_at = min(self._ticked_at, self._watched_at - SLOWEST_SECONDS)  # shown when it is there
        self.desk.watch(run)
        self.feed.watch(run)

    def open_run(self, run: str) -> None:
        """Show this run."""
        self._watch(run)
        self.switch_screen(_run(run))

    def open_tab(self, tab_id: str, run: str | None) -> None:
        """Show another side of this run, over the screen that shows it or its list."""
        from tui_app.screens.tabs import tab_screen

        screen = tab_screen(tab_id, run)
        if self.screen.tab_id if isinstance(self.screen, DeskScreen) else "":
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def look(self, wanted: Wanted | None) -> None:
        """Have looked up what a tab shows."""
        self.desk.look(wanted)
        self.feed.look(wanted)

    def open_home(self, selected: str | None = None) -> None:
        """Show the list of runs, with the cursor on ``selected``."""
        self._watch(None)
        self.switch_screen(_home(selected))

    def keep_layout(self, layout: Layout) -> None:
        """Remember how the operator looks at things, off the loop."""
        if layout != self.layout_kept:
            self.layout_kept = layout
            threading.Thread(target=save, args=(self.locations.state, layout), daemon=True).start()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The palette is about the screen that is there, not about a dialog over it."""
        return action != "command_palette" or isinstance(self.screen, DeskScreen)

    def action_command_palette(self) -> None:
        """Every command, by name."""
        from tui_app.screens.commands import Palette

        self.push_screen(Palette(id="palette"))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The palette: the same table as the keys."""
        from tui_app.screens.commands import commands

        desk = self._desk_screen()
        return () if desk is None else commands(desk)

    def _fatal_error(self) -> None:
        """Textual would print local variables, and with them tokens, into the scrollback."""
        from rich.text import Text

        from tui_app.crash_report import words, write

        error = self._exception or RuntimeError("unknown")
        lines = words(error, write(error, self.locations.state))
        self._exit_renderables.append(Text("\n".join(lines)))
        self._close_messages_no_wait()

    def action_interrupt(self) -> None:
        """Ctrl-C: leave, with the status that shells expect."""
        self.exit(130)


def _home(selected: str | None = None) -> HomeScreen:
    from tui_app.screens.home import HomeScreen

    return HomeScreen(selected)


def _run(run: str) -> RunScreen:
    from tui_app.screens.run import RunScreen

    return RunScreen(run)


def _ensure_watcher(feed: ActingFeed) -> None:
    from tui_app.targets import TargetDownError
    from tui_app.watcher_launch import WatcherStartError, ensure_watcher

    try:
        ensure_watcher(feed.locations, feed.locations.target)
    except (WatcherStartError, TargetDownError, OSError) as error:
        feed.report("failed", f"watcher: {error}")


def run_app(
    locations: Locations,
    run: str | None = None,
    read_only: bool = False,
    *,
    rw: bool = False,
    ascii_art: bool | None = None,
    options: Options = AS_USUAL,
) -> int:
    """Show the dashboard until it is closed; the exit status. Says which runs go on. ``rw`` arms it."""
    gc.disable()  # until the first screen stands: nothing that is made until then is garbage
    app = Middlewatch(
        locations, run, read_only=read_only, rw=rw, ascii_art=ascii_art, options=options, start_watcher=True
    )
    status = app.run()
    live = [s.view.run for s in app.desk.summaries.values() if not s.view.state.is_terminal]
    if live:
        print(f"dashboard closed; {', '.join(live)} {'go' if len(live) > 1 else 'goes'} on")
    for wish in app.unwritten:
        print(f"not asked for: {wish}", file=sys.stderr)
    return status if status is not None else (app.return_code or 0)
