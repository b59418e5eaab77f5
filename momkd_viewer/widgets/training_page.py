"""One run: how its training stands, what can be done with it, and its curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.training_curves import PLOTS, curves_of
from momkd_viewer.state.training_run import TrainingRun
from momkd_viewer.state.training_words import fold_names, headline, standing, why_no_curves
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.training_curves import TrainingCurves

_LOG_HEIGHT = 92
_STEPS = 1000  # of the bar


class TrainingPage(QWidget):
    """Attributes:
    worded: how texts are shown: names may be masked.

    Signals:
        stop_wanted(), resume_wanted(), open_wanted(), folder_wanted(): of the shown run.
    """

    stop_wanted = Signal()
    resume_wanted = Signal()
    open_wanted = Signal()
    folder_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.worded: Callable[[str], str] = str
        self._run: TrainingRun | None = None
        self._name = ElidedLabel()
        self._name.setObjectName("title")
        self._about = QLabel()
        self._about.setObjectName("quiet")
        self._about.setWordWrap(True)
        self.standing = QLabel()
        self.standing.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setRange(0, _STEPS)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName("Progress of the training")
        self.fold = QComboBox()
        self.fold.setAccessibleName("Folds that are shown")
        self.fold.activated.connect(self._draw)
        self.curves = TrainingCurves()
        self._log = QPlainTextEdit()
        self._log.setReadOnly(True)
        self._log.setAccessibleName("What the training said last")
        self._log.setFixedHeight(_LOG_HEIGHT)
        self._log.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._log.setTabChangesFocus(True)
        self._arrange()

    def _arrange(self) -> None:
        self.stop = _button("Stop", "Ends the training; Resume goes on from the last epoch")
        self.resume = _button("Resume", "Goes on from the last finished epoch")
        self.open = _button("Open in browser", "Opens its model in the window, to look inside")
        self.open_folder = _button("Open folder", "Shows the run folder's files")
        row = QHBoxLayout()
        row.addWidget(self.fold)
        row.addStretch(1)
        for button, signal in (
            (self.stop, self.stop_wanted),
            (self.resume, self.resume_wanted),
            (self.open, self.open_wanted),
            (self.open_folder, self.folder_wanted),
        ):
            button.clicked.connect(signal)
            row.addWidget(button)
        column = QVBoxLayout(self)
        for widget in (self._name, self._about, self.standing, self._bar):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.curves, 1)
        column.addWidget(self._log)

    def show_run(self, run: TrainingRun, *, busy: bool = False) -> None:
        """Shows a run; ``busy`` while it is asked to stop."""
        another = self._run is None or self._run.folder != run.folder
        self._run = run
        self._name.setText(self.worded(run.folder.name))
        self._name.more = self.worded(str(run.folder))
        self._about.setText(self.worded(headline(run)))
        self.standing.setText(self.worded(standing(run)))
        self.standing.setObjectName("failure" if run.status == "failed" else "")
        self.standing.style().polish(self.standing)
        running = run.status == "running"
        share = run.share_done
        self._bar.setVisible(running)
        self._bar.setRange(0, 0 if share is None else _STEPS)
        self._bar.setValue(int((share or 0.0) * _STEPS))
        self.stop.setVisible(running)
        self.stop.setEnabled(not busy)
        self.resume.setVisible(run.status in ("stopped", "failed"))
        self.resume.setEnabled(run.command is not None)
        self.open.setEnabled(run.model is not None)
        self._offer_folds(fold_names(run), anew=another)
        self._show_log(run.log)
        self._draw()

    @property
    def said(self) -> str:
        """The last lines of its log, as shown."""
        return self._log.toPlainText()

    def _offer_folds(self, folds: Sequence[tuple[str, str]], *, anew: bool) -> None:
        offered = [("", "All folds and their mean"), *folds]
        if not anew and self.fold.count() == len(offered):
            return
        chosen = "" if anew else self.fold.currentData()
        self.fold.clear()
        for name, text in offered:
            self.fold.addItem(text, name)
        self.fold.setCurrentIndex(max(0, self.fold.findData(chosen)))

    def _show_log(self, lines: Sequence[str]) -> None:
        text = self.worded("\n".join(lines))
        self._log.setVisible(bool(text))
        if text != self.said:
            self._log.setPlainText(text)
            bar = self._log.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _draw(self) -> None:
        if (run := self._run) is not None:
            fold = self.fold.currentData() or None
            curves = {plot.title: curves_of(run, plot, fold) for plot in PLOTS}
            self.curves.show_curves(curves, why_no_curves(run))


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAutoDefault(False)
    return button
