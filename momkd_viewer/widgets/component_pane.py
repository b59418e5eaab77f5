"""One component in detail: its patches beside what is known of it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QSplitter,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from momkd_viewer.state.component_patches import Gallery
from momkd_viewer.state.component_portrait import Portrait
from momkd_viewer.state.components import ComponentView
from momkd_viewer.state.overlay_values import ComponentName
from momkd_viewer.widgets.component_card import (
    VerdictChip,
    map_button,
    mute_button,
    show_map,
    show_mute,
)
from momkd_viewer.widgets.component_facts import GeneTable, NearestTable
from momkd_viewer.widgets.component_plots import SimilarityChart, TrainingChart
from momkd_viewer.widgets.elided_label import ElidedLabel
from momkd_viewer.widgets.patch_gallery import PatchGallery


class ComponentPane(QWidget):
    """Attributes:
    component: the one that is shown.
    gallery: its patches.
    verdict_place: where the panel for verdicts lies, see :meth:`place_verdict`.

    Signals:
    muted(ComponentName, bool), mapped(ComponentName, bool): a switch was turned.
    neighbour_chosen(ComponentName): another component is to be looked at here.
    closed(): the pane is not wanted any more.
    """

    muted = Signal(object, bool)
    mapped = Signal(object, bool)
    neighbour_chosen = Signal(object)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.component: ComponentName | None = None
        self._name, self._chip, self._facts = QLabel(), VerdictChip(), ElidedLabel()
        self._facts.setObjectName("quiet")
        self._map, self._mute, self._close = map_button(), mute_button(), QToolButton()
        self._close.setText("✕")
        self._close.setToolTip("Stop comparing")
        self._close.setAccessibleName("Stop comparing with this component")
        self.gallery = PatchGallery("Patches of the component")
        self._none = QLabel()
        self._none.setObjectName("hint")
        self._none.setWordWrap(True)
        self._none.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._count = ElidedLabel()
        self._count.setObjectName("quiet")
        self._count.setContentsMargins(6, 2, 6, 2)
        self._note = ElidedLabel()
        self._note.setObjectName("quiet")
        self._note.setContentsMargins(6, 0, 6, 2)
        self._note.hide()
        self.similarity, self.training = SimilarityChart(), TrainingChart()
        self.genes, self.nearest = GeneTable(), NearestTable()
        self._tabs = QTabWidget()
        self._tabs.setObjectName("facts")
        self._tabs.setAccessibleName("What is known of the component")
        self._tabs.setDocumentMode(True)
        self._tabs.tabBar().setDrawBase(False)
        for widget, title in (
            (self.similarity, "Similarity"),
            (self.genes, "Genes"),
            (self.nearest, "Nearest"),
            (self.training, "Training"),
        ):
            self._tabs.addTab(widget, title)
        verdict = QWidget()
        self.verdict_place = QVBoxLayout(verdict)
        self.verdict_place.setContentsMargins(0, 0, 0, 0)
        self._tabs.insertTab(0, verdict, "Verdict")
        self._tabs.setTabVisible(0, False)
        self._build()
        self._connect()

    def _build(self) -> None:
        header = QHBoxLayout()
        header.setContentsMargins(8, 4, 8, 2)
        header.setSpacing(6)
        for widget in (self._name, self._chip):
            header.addWidget(widget)
        header.addWidget(self._facts, 1)
        for button in (self._map, self._mute, self._close):
            header.addWidget(button)
        patches = QWidget()
        column = QVBoxLayout(patches)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._none)
        column.addWidget(self.gallery, 1)
        column.addWidget(self._count)
        column.addWidget(self._note)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(patches)
        split.addWidget(self._tabs)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        split.setSizes([600, 400])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(header)
        layout.addWidget(split, 1)

    def _connect(self) -> None:
        self._map.toggled.connect(lambda on: self.mapped.emit(self.component, on))
        self._mute.toggled.connect(lambda on: self.muted.emit(self.component, on))
        self._close.clicked.connect(self.closed)
        self.nearest.component_chosen.connect(self.neighbour_chosen)

    def place_verdict(self, panel: QWidget) -> None:
        """Gives the panel for verdicts its tab."""
        self.verdict_place.addWidget(panel)
        self._tabs.setTabVisible(0, True)
        self._tabs.setCurrentIndex(0)

    # -- content ---------------------------------------------------------------------------------

    def show_view(self, view: ComponentView, *, mapped: bool, closable: bool) -> None:
        """Name, verdict, shares and switches."""
        if view.component != self.component:
            self.component = view.component
            self.clear()
        self.setAccessibleName(f"Component {view.name}")
        self.gallery.setAccessibleName(f"Patches of {view.name}")
        self._name.setText(f"<s>{view.name}</s>" if view.muted else f"<b>{view.name}</b>")
        self._chip.show_verdict(view.verdict)
        self._facts.setText(view.facts)
        show_mute(self._mute, view.name, view.muted)
        show_map(self._map, view.name, enabled=not view.muted, shown=mapped)
        self._close.setVisible(closable)

    def show_mapped(self, component: ComponentName | None) -> None:
        """Which component's similarity the overlay shows."""
        if self.component is not None:
            enabled = self._map.isEnabled()
            name = self.component.text
            show_map(self._map, name, enabled=enabled, shown=component == self.component)

    def show_portrait(self, portrait: Portrait) -> None:
        """Charts and tables."""
        name = portrait.component.text
        self.similarity.show_histogram(
            portrait.histogram, f"{name} is muted: no patch is matched with it."
        )
        self.training.show_profile(portrait.training)
        self.genes.show_profile(portrait.training)
        self.nearest.show_neighbours(portrait.neighbours)

    def show_gallery(self, gallery: Gallery, scope: str) -> None:
        """Patches, or why there are none, and how many there are of what ``scope`` names."""
        self.gallery.show_patches(gallery.patches)
        self.gallery.setVisible(bool(gallery.patches))
        self._none.setText(gallery.reason)
        self._none.setVisible(not gallery.patches)
        parts = [f"{len(gallery.patches):,} of {gallery.available:,} patches"]
        if gallery.slides > 1:
            parts.append(f"{gallery.slides} slides · {gallery.patients} patients")
        self._count.setText(" · ".join([*parts, scope]))
        self._note.setText(gallery.note)
        self._note.setVisible(bool(gallery.note))
        self._count.setVisible(bool(gallery.patches))

    def clear(self) -> None:
        """Nothing of another component stays while the next one's is worked out."""
        self.gallery.show_patches(())
        self._none.hide()
        self._count.setText("")
        self._note.hide()
        self.nearest.show_neighbours(())
        self.similarity.show_histogram(None, "")
