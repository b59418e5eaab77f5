"""Going about the slide of the active view: to a typed place, turned, back and forward."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget

from momkd_viewer.controllers.view_pair import ShownView, ViewPair
from momkd_viewer.state.coordinates import CoordinateError, level0_point
from momkd_viewer.state.view_history import ViewHistory
from momkd_viewer.state.viewport import Viewport
from momkd_viewer.widgets.slide_view import SlideView
from momkd_viewer.widgets.view_dialogs import GoToDialog, TurnDialog


class NavigationController(QObject):
    """Attributes:
    turning: the window to turn by any angle, once it was asked for.
    """

    def __init__(
        self,
        window: QWidget,
        views: ViewPair,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._views = window, views
        self._histories: dict[tuple[ShownView, Path], ViewHistory] = {}
        self._actions: Mapping[str, QAction] = {}
        self.turning: TurnDialog | None = None
        for view in views.both:
            view.slide_view.rested.connect(lambda now, v=view: self._on_rested(v, now))
            view.slide_view.view_changed.connect(lambda now, v=view: self._on_view(v, now))
            view.slides.opened.connect(self._show_history)
            view.slides.closing.connect(lambda v=view: self._on_closing(v))
        views.changed.connect(self._on_active)

    def attach(self, actions: Mapping[str, QAction]) -> None:
        """Has back and forward greyed out where there is nowhere to go."""
        self._actions = actions
        self._show_history()

    @property
    def _view(self) -> SlideView:
        return self._views.active.slide_view

    def _on_active(self) -> None:
        if self._view.view is not None:
            self._show_angle(self._view.view)
        self._show_history()

    # -- to a place ------------------------------------------------------------------------------

    def ask_for_place(self) -> GoToDialog | None:
        """Opens the window to type a place into; None without a slide."""
        shown, slides = self._view, self._views.active.slides
        slide, view = slides.slide, shown.view
        if slide is None or view is None:
            return None
        known = slide.known_mpp
        x, y = (known.x, known.y) if known is not None else (1.0, 1.0)
        dialog = GoToDialog(
            microns=known is not None,
            start=f"{view.centre_x * x:.0f} {view.centre_y * y:.0f}",
            parent=self._window,
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)

        def go(text: str, unit: str) -> None:
            try:
                mpp = (known.x, known.y) if known is not None else None
                shown.centre_on(*level0_point(text, unit, mpp, slide.width, slide.height))
            except CoordinateError as error:
                dialog.say(str(error))
            else:
                dialog.accept()

        dialog.place_typed.connect(go)
        slides.closing.connect(dialog.close)
        dialog.open()
        return dialog

    # -- turning ---------------------------------------------------------------------------------

    def turn(self, degrees: float) -> None:
        """Turns the slide further, clockwise."""
        if self._view.view is not None:
            self._view.rotate_to(self._view.view.rotation + degrees)

    def turn_to(self, degrees: float) -> None:
        """Turns the slide, clockwise from upright."""
        self._view.rotate_to(degrees)

    def turn_upright(self) -> None:
        """Shows the slide as it was scanned."""
        self.turn_to(0.0)

    def show_turning(self) -> None:
        """Opens the window to turn by any angle."""
        if self.turning is None:
            self.turning = TurnDialog(self._window)
            self.turning.angle_chosen.connect(self.turn_to)
        if self._view.view is not None:
            self.turning.show_angle(self._view.view.rotation)
            self.turning.show()
            self.turning.activateWindow()

    def _on_view(self, view: ShownView, now: Viewport) -> None:
        if view is self._views.active:
            self._show_angle(now)

    def _show_angle(self, now: Viewport) -> None:
        if self.turning is not None:
            self.turning.show_angle(now.rotation)

    def _on_closing(self, view: ShownView) -> None:
        if view is not self._views.active:
            return
        if self.turning is not None:
            self.turning.hide()
        for name in ("go_back", "go_forward"):
            if name in self._actions:
                self._actions[name].setEnabled(False)

    # -- back and forward ------------------------------------------------------------------------

    @property
    def history(self) -> ViewHistory | None:
        """Of the active view's slide; it is still there when the slide is opened again."""
        return self._history_of(self._views.active)

    def _history_of(self, view: ShownView) -> ViewHistory | None:
        slide = view.slides.slide
        if slide is None:
            return None
        return self._histories.setdefault((view, slide.path), ViewHistory())

    def go_back(self) -> None:
        self._step(forward=False)

    def go_forward(self) -> None:
        self._step(forward=True)

    def _step(self, *, forward: bool) -> None:
        history, now = self.history, self._view.view
        if history is None or now is None:
            return
        if not forward:
            history.push(now)  # where it has not come to rest yet
        view = history.forward() if forward else history.back()
        if view is not None:
            self._view.show_view(view)
        self._show_history()

    def _on_rested(self, view: ShownView, now: Viewport) -> None:
        history = self._history_of(view)
        if history is not None:
            history.push(now)
            self._show_history()

    def _show_history(self) -> None:
        history = self.history
        for name, possible in (
            ("go_back", history is not None and history.can_go_back),
            ("go_forward", history is not None and history.can_go_forward),
        ):
            if name in self._actions:
                self._actions[name].setEnabled(possible)
