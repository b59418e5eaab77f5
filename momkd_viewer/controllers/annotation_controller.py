"""Draws, selects and changes annotations: tools, panel, keys, and analysis inside one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QAction, QColor
from PySide6.QtWidgets import QLabel
from shapely.geometry.base import BaseGeometry

from momkd_core.annotations import union_of_areas
from momkd_core.region import Region
from momkd_viewer.controllers.annotation_store import AnnotationStore
from momkd_viewer.controllers.view_pair import ViewPair
from momkd_viewer.state.annotations import (
    DEFAULT_CLASSES,
    UNCLASSIFIED,
    Annotation,
    AnnotationClass,
    AnnotationSet,
    Kind,
    measure,
)
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.widgets.annotation_bar import AnnotationBar
from momkd_viewer.widgets.annotation_brush import BrushTool
from momkd_viewer.widgets.annotation_dialogs import ClassDialog, PropertiesDialog
from momkd_viewer.widgets.annotation_layer import AnnotationLayer
from momkd_viewer.widgets.annotation_move import MoveTool
from momkd_viewer.widgets.annotation_panel import AnnotationPanel
from momkd_viewer.widgets.annotation_tools import BoxTool, Desk, LineTool, PointTool, PolygonTool
from momkd_viewer.widgets.canvas_tool import Tool

log = logging.getLogger(__name__)

TOOLS = ("move", "point", "line", "rectangle", "ellipse", "polygon", "brush")
#: These go on drawing; after the others the next press selects again, as in QuPath.
_KEPT = ("point", "brush")
_CLOSEST = 0.5  # level-0 pixels per device pixel: small annotations are shown in their surroundings
_FIRST_VIEW = "Annotations are drawn in the first view only, so that one is active now."
_HIDDEN = "The file is hidden while names are masked"
_NO_AREA = "No area is selected. Click one on the slide or in the list, then analyse inside it."


class AnnotationController(QObject):
    """Signals:
    failed(str): something cannot be done, with its cure.
    """

    failed = Signal(str)

    def __init__(
        self,
        views: ViewPair,
        settings: QSettings,
        mask: NameMask,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._views, self._settings, self._mask = views, settings, mask
        canvas, slides = views.first.canvas, views.first.slides
        self._canvas, self._slides, self._analysis = canvas, slides, views.first.analysis
        self.shown = AnnotationSet()
        self.layer = AnnotationLayer(self.shown)
        self.panel = AnnotationPanel()
        self.bar = AnnotationBar()
        self.status = QLabel()
        self.status.setContentsMargins(0, 0, 10, 0)
        self.store = AnnotationStore(self.shown, slides, mask, self)
        self._told: tuple[str, str] = ("", "")
        self._class: AnnotationClass | None = None
        self._actions: Mapping[str, QAction] = {}
        view = canvas.slide_view
        self._desk = Desk(self.shown, self.layer, self._on_drawn, view.update, self.ask_properties)
        self._tools: dict[str, Tool] = {
            "move": MoveTool(self._desk),
            "point": PointTool(self._desk),
            "line": LineTool(self._desk),
            "rectangle": BoxTool(self._desk, "rectangle"),
            "ellipse": BoxTool(self._desk, "ellipse"),
            "polygon": PolygonTool(self._desk),
            "brush": BrushTool(self._desk),
        }
        self.tool = "move"
        self.layer.is_moving = lambda: view.is_moving
        view.add_layer(self.layer)
        view.set_tool(self._tools["move"])
        self._connect()
        self._load_classes()

    def _connect(self) -> None:
        self.shown.changed = self._on_changed
        self.store.failed.connect(self.failed)
        self.store.told.connect(self._tell)
        self._slides.opened.connect(self._on_opened)
        self._canvas.slide_view.left.connect(self._on_left)
        self._canvas.slide_view.rested.connect(self._on_rested)
        self.bar.class_chosen.connect(self.choose_class)
        self.bar.class_wanted.connect(self.ask_class)
        self.panel.chosen.connect(self.shown.select)
        self.panel.centre_wanted.connect(self.centre_on)
        self.panel.properties_wanted.connect(self.ask_properties)
        self.panel.analysis_wanted.connect(self.analyse_inside)
        self.panel.lock_toggled.connect(lambda i, locked: self.shown.set_locked([i], locked))

    # -- actions ---------------------------------------------------------------------------------

    def slots(self) -> dict[str, Callable[[], object]]:
        """What the actions of these names do."""
        tools = {f"tool_{name}": (lambda n=name: self.choose_tool(n)) for name in TOOLS}
        return {
            **tools,
            "show_annotations": lambda: self._toggle("visible"),
            "annotation_names": lambda: self._toggle("names"),
            "annotation_fill": lambda: self._toggle("filled"),
            "annotation_properties": self.ask_properties,
            "annotation_undo": self.shown.undo,
            "annotation_redo": self.shown.redo,
            "annotation_delete": self.delete,
            "import_annotations": lambda: self.store.ask_import(self._canvas.window()),
            "export_annotations": lambda: self.store.ask_export(self._canvas.window()),
            "analyse_inside": self.analyse_inside,
        }

    def adopt(self, actions: Mapping[str, QAction]) -> None:
        """Shows the actions in the bar and keeps their marks current."""
        self._actions = actions
        switches = (
            ("show_annotations", "annotations"),
            ("annotation_names", "names"),
            ("annotation_fill", "fill"),
        )
        self.bar.show_actions(
            [(actions[f"tool_{name}"], name) for name in TOOLS],
            [(actions[name], icon) for name, icon in switches],
        )
        self._refresh_actions()

    def choose_tool(self, name: str) -> None:
        """What the left button does on the slide from now on."""
        if self._views.active is not self._views.first:
            self._views.choose(self._views.first)
            self.failed.emit(_FIRST_VIEW)
        self.tool = name
        if name != "move" and not self.layer.visible:
            self.layer.visible = True  # what is drawn is seen
        self._canvas.slide_view.set_tool(self._tools[name])
        self._canvas.slide_view.setFocus()
        self._refresh_actions()

    def _toggle(self, what: str) -> None:
        setattr(self.layer, what, not getattr(self.layer, what))
        self._canvas.slide_view.update()
        self._refresh_actions()

    def _refresh_actions(self) -> None:
        if not self._actions:
            return
        self._actions[f"tool_{self.tool}"].setChecked(True)
        self._actions["show_annotations"].setChecked(self.layer.visible)
        self._actions["annotation_names"].setChecked(self.layer.names)
        self._actions["annotation_fill"].setChecked(self.layer.filled)

    # -- drawing and changing --------------------------------------------------------------------

    def _on_drawn(self, kind: Kind, geometry: BaseGeometry) -> None:
        if self._slides.slide is None:
            self.failed.emit("There is no slide to annotate, its features alone.")
            return
        self.shown.add([Annotation(kind, geometry, class_=self._class).with_geometry(geometry)])
        if kind not in _KEPT:
            self.choose_tool("move")

    def _on_changed(self) -> None:
        self.panel.show_items(self.shown.items, self.shown.selected, self.layer.microns_per_pixel)
        self._canvas.slide_view.update()
        self.store.touch()

    def _on_opened(self) -> None:
        slide = self._slides.slide
        if slide is None:
            return
        known = slide.known_mpp
        self.layer.microns_per_pixel = (known.x, known.y) if known else None
        self._desk.extent = (float(slide.width), float(slide.height))
        self._on_changed()

    def _on_rested(self) -> None:
        if self.layer.is_quick:
            self._canvas.slide_view.update()

    def _on_left(self) -> None:
        """The brush's ring goes where the mouse goes."""
        tool = self._tools[self.tool]
        if isinstance(tool, BrushTool) and not tool.is_drawing:
            tool.cancel()

    def delete(self) -> None:
        """Deletes the selected annotations; locked ones stay, and say so."""
        chosen = self.shown.chosen
        deleted = self.shown.delete(self.shown.selected)
        if deleted < len(chosen):
            kept = len(chosen) - deleted
            self.failed.emit(
                f"{kept} locked annotation{'s were' if kept > 1 else ' was'} not deleted. Unlock "
                "in the list first."
            )

    def centre_on(self, identity: str) -> None:
        """Shows an annotation in the middle of the view, as large as fits."""
        one, view = self.shown.get(identity), self._canvas.slide_view.view
        if one is None or view is None:
            return
        left, top, right, bottom = one.geometry.bounds
        needed = 1.25 * max((right - left) / view.width, (bottom - top) / view.height)
        downsample = view.downsample if one.kind == "point" else max(needed, _CLOSEST)
        self._canvas.slide_view.centre_on((left + right) / 2, (top + bottom) / 2, downsample)

    # -- classes and properties ------------------------------------------------------------------

    def choose_class(self, class_: AnnotationClass | None) -> None:
        """Of what is selected, and of what is drawn from now on."""
        self._class = class_
        self.layer.colour = QColor(*(class_.colour if class_ else UNCLASSIFIED))
        self.shown.classify(self.shown.selected, class_)
        self.bar.show_classes(self.shown.classes, class_)

    def ask_class(self) -> None:
        dialog = ClassDialog(self.shown.classes, self._canvas.window())
        dialog.made.connect(self._add_class)
        dialog.open()

    def _add_class(self, class_: AnnotationClass) -> None:
        known = self.shown.add_class(class_)
        own = [[c.name, *c.colour] for c in self.shown.classes[len(DEFAULT_CLASSES) :]]
        self._settings.setValue("annotation_classes", json.dumps(own))
        self.choose_class(known)

    def _load_classes(self) -> None:
        try:
            for name, *colour in json.loads(str(self._settings.value("annotation_classes", "[]"))):
                red, green, blue = (int(part) for part in colour)
                self.shown.add_class(AnnotationClass(str(name), (red, green, blue)))
        except (ValueError, TypeError):
            log.warning("The stored annotation classes cannot be read and are left out")
        self.choose_class(None)

    def ask_properties(self) -> None:
        """Name, class and note of what is selected."""
        chosen = self.shown.chosen
        if not chosen:
            return
        size = measure(chosen[0].geometry, self.layer.microns_per_pixel).text
        dialog = PropertiesDialog(chosen, self.shown.classes, size, self._canvas.window())
        dialog.accepted.connect(lambda: self._set_properties(chosen, dialog))
        dialog.open()

    def _set_properties(self, chosen: tuple[Annotation, ...], dialog: PropertiesDialog) -> None:
        classes = {one.name: one for one in self.shown.classes}
        changed = []
        for one in chosen:
            now = self.shown.get(one.id)
            if now is None:
                continue
            if dialog.class_name is not None:
                class_ = classes.get(dialog.class_name)
                now = now if class_ == now.class_ else replace(now, class_=class_, colour=None)
            if dialog.name is not None and dialog.note is not None and dialog.locked is not None:
                now = replace(now, name=dialog.name, note=dialog.note, locked=dialog.locked)
            changed.append(now)
        self.shown.replace(changed)

    # -- analysis --------------------------------------------------------------------------------

    def analyse_inside(self) -> None:
        """Runs the open models on the patches inside the selected areas."""
        areas = [one for one in self.shown.chosen if one.is_area]
        geometry = union_of_areas(areas)
        if geometry is None:
            self.failed.emit(_NO_AREA)
            return
        name = areas[0].title if len(areas) == 1 else f"{len(areas)} annotations"
        self._analysis.analyse_inside(Region(name, geometry))

    # -- showing ---------------------------------------------------------------------------------

    def _tell(self, text: str, path: str) -> None:
        self._told = text, path
        self.show_names()

    def show_names(self) -> None:
        """Shows where annotations were saved, or that it is hidden while names are masked."""
        text, path = self._told
        self.status.setText(text)
        self.status.setToolTip(_HIDDEN if path and self._mask.on else path)
