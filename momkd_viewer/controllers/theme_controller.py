"""Dark or light: applies a theme to the application, and follows the desktop where asked to."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from momkd_viewer.resource_files import resource
from momkd_viewer.state.theme import PALETTES, style_sheet
from momkd_viewer.widgets.colours import theme, use_theme

_ROLES = {
    QPalette.ColorRole.Window: "window",
    QPalette.ColorRole.WindowText: "text",
    QPalette.ColorRole.Base: "raised",
    QPalette.ColorRole.AlternateBase: "panel",
    QPalette.ColorRole.Text: "text",
    QPalette.ColorRole.Button: "control",
    QPalette.ColorRole.ButtonText: "text",
    QPalette.ColorRole.BrightText: "strong",
    QPalette.ColorRole.Highlight: "chosen",
    QPalette.ColorRole.HighlightedText: "text",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.LinkVisited: "accent",
    QPalette.ColorRole.PlaceholderText: "quiet",
    QPalette.ColorRole.ToolTipBase: "raised",
    QPalette.ColorRole.ToolTipText: "text",
    QPalette.ColorRole.Light: "edge_hot",
    QPalette.ColorRole.Mid: "edge",
    QPalette.ColorRole.Dark: "edge",
    QPalette.ColorRole.Shadow: "edge",
}
_GREYED = (
    QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText
)  # fmt: skip


def apply_theme(application: QApplication, name: str) -> None:
    """Gives every widget a theme's colours."""
    use_theme(name)
    colours = PALETTES[name]
    palette = QPalette()
    for role, token in _ROLES.items():
        palette.setColor(role, QColor(colours[token]))
    for role in _GREYED:
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours["disabled"]))
    application.setPalette(palette)
    template = resource("styles/window.qss").read_text(encoding="utf-8")
    application.setStyleSheet(style_sheet(template, name, resource("icons").as_posix()))


class ThemeController(QObject):
    """Applies what the user chose: dark, light, or whichever the desktop has."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._choice = "dark"
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._on_system)

    def choose(self, choice: str) -> None:
        """``dark``, ``light`` or ``system``."""
        self._choice = choice
        self._apply()

    def _on_system(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        wanted = self._choice
        if wanted == "system":
            light = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Light
            wanted = "light" if light else "dark"
        application = QApplication.instance()
        if wanted != theme() and isinstance(application, QApplication):
            apply_theme(application, wanted)
