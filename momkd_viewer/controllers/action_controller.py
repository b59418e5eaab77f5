"""Keys that can be changed, the help sheet that lists them, the command palette, what is available."""

from __future__ import annotations

from PySide6.QtCore import QObject, QSettings
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMainWindow

from momkd_viewer.action_table import ACTIONS, ActionSpec
from momkd_viewer.actions import key_text, set_keys
from momkd_viewer.controllers.slide_controller import SlideController
from momkd_viewer.gesture_table import GESTURES, RESERVED_KEYS
from momkd_viewer.state.command_search import Command
from momkd_viewer.state.key_bindings import KeyBindings, KeyConflictError
from momkd_viewer.widgets.command_palette import CommandPalette
from momkd_viewer.widgets.key_sheet import KeyRow, KeySheet

_KEPT = "keys"
_GESTURES = "Mouse and held keys"


class ActionController(QObject):
    """Attributes:
    bindings: which keys run which action.
    palette: the command palette.
    sheet: the help sheet, while it is open.
    """

    def __init__(
        self,
        window: QMainWindow,
        actions: dict[str, QAction],
        slides: SlideController,
        settings: QSettings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._window, self._actions, self._slides = window, actions, slides
        self._settings = settings
        self._specs = {spec.name: spec for spec in ACTIONS}
        self.bindings = KeyBindings(
            {spec.name: spec.keys for spec in ACTIONS},
            {spec.name: _plain(spec.text) for spec in ACTIONS},
            RESERVED_KEYS,
        )
        self.bindings.load_json(str(settings.value(_KEPT, "")))
        self.palette = CommandPalette(window)
        self.palette.chosen.connect(lambda name: actions[name].trigger())
        self.sheet: KeySheet | None = None
        slides.opened.connect(self._show_available)
        slides.closing.connect(lambda: self._show_available(open_=False))
        self._bind()
        self._show_available()

    # -- available -------------------------------------------------------------------------------

    def _show_available(self, *, open_: bool | None = None) -> None:
        """Entries that act on a slide are greyed out while there is none."""
        is_open = self._slides.slide is not None if open_ is None else open_
        for name, spec in self._specs.items():
            if spec.needs_slide:
                self._actions[name].setEnabled(is_open)

    # -- palette ---------------------------------------------------------------------------------

    def show_palette(self) -> None:
        """Offers every action; the one chosen is run as its menu entry would."""
        self.palette.open(
            [self._command(spec) for spec in self._specs_shown if spec.name != "palette"]
        )

    @property
    def _specs_shown(self) -> list[ActionSpec]:
        """Those in the menus: some go while the reader judges blinded."""
        return [spec for spec in ACTIONS if self._actions[spec.name].isVisible()]

    def _command(self, spec: ActionSpec) -> Command:
        action = self._actions[spec.name]
        keys = self.bindings.keys_of(spec.name)
        title = f"{_group(spec)} ▸ {_plain(spec.text)}"
        if spec.checkable and action.isChecked():
            title += "  ✓"
        return Command(
            spec.name, title, key_text(keys[0]) if keys else "", spec.tip, action.isEnabled()
        )

    # -- keys ------------------------------------------------------------------------------------

    def show_sheet(self) -> None:
        """Opens the help sheet, or brings it to the front."""
        if self.sheet is None:
            self.sheet = KeySheet(self._window)
            self.sheet.key_wanted.connect(self._change)
            self.sheet.key_taken.connect(lambda name, key: self._change(name, key, True))
            self.sheet.reset_wanted.connect(self._reset)
            self.sheet.all_reset_wanted.connect(self._reset_all)
        self._show_rows()
        self.sheet.show()
        self.sheet.activateWindow()
        self.sheet.search.setFocus()

    def _change(self, name: str, key: str, take: bool = False) -> None:
        assert self.sheet is not None
        try:
            self.bindings.change(name, [key] if key else [], take=take)
        except KeyConflictError as error:
            self.sheet.say(str(error), can_take=error.holder is not None)
        except ValueError:
            self.sheet.say("This is no key that can be bound. Choose another.")
        else:
            self._keep()

    def _reset(self, name: str) -> None:
        assert self.sheet is not None
        left = self.bindings.reset(name)
        self._keep()
        if left:
            holder = self.bindings.holder(left[0])
            where = f" with “{_plain(self._specs[holder].text)}”" if holder else ""
            self.sheet.say(f"{left[0]} stays{where}. Reset that action too, or take the key.")

    def _reset_all(self) -> None:
        self.bindings.reset_all()
        self._keep()

    def _keep(self) -> None:
        self._settings.setValue(_KEPT, self.bindings.to_json())
        self._bind()
        self._show_rows()

    def _bind(self) -> None:
        for name, spec in self._specs.items():
            set_keys(self._actions[name], spec, self.bindings.keys_of(name))

    def _show_rows(self) -> None:
        if self.sheet is None:
            return
        rows = [
            KeyRow(
                spec.name,
                _group(spec),
                _plain(spec.text),
                ", ".join(key_text(key) for key in self.bindings.keys_of(spec.name)),
                spec.tip,
                self.bindings.is_changed(spec.name),
            )
            for spec in self._specs_shown
        ]
        # In the order of the menus, though the table may come back to one.
        groups = list(dict.fromkeys(row.group for row in rows))
        rows.sort(key=lambda row: groups.index(row.group))
        rows += [KeyRow("", _GESTURES, what, "", does) for what, does in GESTURES]
        self.sheet.show_rows(rows)


def _plain(text: str) -> str:
    return text.replace("&", "")


def _group(spec: ActionSpec) -> str:
    return _plain(spec.menu).replace("/", " ▸ ")
