"""The table of actions as menus, buttons and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from momkd_viewer.action_table import ACTIONS, ActionSpec


def build_actions(
    owner: QWidget, menus: QMenuBar, slots: Mapping[str, Callable[[], object]]
) -> dict[str, QAction]:
    """Creates the actions and their menus; every action has a slot of its name."""
    actions: dict[str, QAction] = {}
    by_title: dict[str, QMenu] = {}
    for spec in ACTIONS:
        menu = _menu(spec.menu, menus, by_title)
        if spec.separated:
            menu.addSeparator()
        action = QAction(spec.text, owner)
        action.setCheckable(spec.checkable)
        set_keys(action, spec, spec.keys)
        slot = slots[spec.name]
        action.triggered.connect(lambda checked=False, slot=slot: slot())
        menu.addAction(action)
        actions[spec.name] = action
    return actions


def set_keys(action: QAction, spec: ActionSpec, keys: Sequence[str]) -> None:
    """Has keys run an action, and its tooltip say so."""
    action.setShortcuts([QKeySequence(key) for key in keys])
    shown = f" ({key_text(keys[0])})" if keys else ""
    action.setToolTip((spec.tip or spec.text) + shown)


def key_text(key: str) -> str:
    """A key as this system writes it."""
    return QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)


def _menu(title: str, menus: QMenuBar, by_title: dict[str, QMenu]) -> QMenu:
    if title not in by_title:
        above, _, last = title.rpartition("/")
        place = _menu(above, menus, by_title) if above else menus
        by_title[title] = place.addMenu(last)
    return by_title[title]
