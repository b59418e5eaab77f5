"""Every menu entry, toolbar button and key, as one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenuBar, QWidget


@dataclass(frozen=True)
class ActionSpec:
    """One action; ``keys`` are alternatives, the first is shown."""

    name: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    separated: bool = False


MAGNIFICATIONS = (1.25, 2.5, 5.0, 10.0, 20.0, 40.0)

ACTIONS = (
    ActionSpec("open_slide", "&File", "Open slide…", ("Ctrl+O",), "Open a whole-slide image"),
    ActionSpec("open_cohort", "&File", "Open cohort…", ("Ctrl+Shift+O",), "Open a cohort table"),
    ActionSpec("open_model", "&File", "Open model…", ("Ctrl+M",), "Open a model file"),
    ActionSpec("open_run", "&File", "Open run folder…", (), "Open the mean of a run's folds"),
    ActionSpec("open_demo", "&File", "Open the demo", (), "Drawn slides with a model"),
    ActionSpec("import_annotations", "&File", "Import annotations…", separated=True),
    ActionSpec("export_annotations", "&File", "Export annotations…", (), "GeoJSON, as in QuPath"),
    ActionSpec("close_slide", "&File", "Close slide", ("Ctrl+W",), separated=True),
    ActionSpec("quit", "&File", "Quit", ("Ctrl+Q",), separated=True),
    ActionSpec("zoom_in", "&View", "Zoom in", ("+", "="), "Zoom in"),
    ActionSpec("zoom_out", "&View", "Zoom out", ("-",), "Zoom out"),
    ActionSpec("fit", "&View", "Fit slide", ("0", "Home"), "Show the whole slide"),
    *(
        ActionSpec(f"magnify_{m:g}", "&View", f"{m:g}×", (str(key),), separated=key == 1)
        for key, m in enumerate(MAGNIFICATIONS, start=1)
    ),
    ActionSpec("patch_grid", "&View", "Patch grid", ("Shift+G",), separated=True),
    ActionSpec("tissue_contour", "&View", "Tissue contour", ("T",)),
    ActionSpec("check_alignment", "&View", "Check alignment", separated=True),
    ActionSpec("toggle_overlay", "&Overlay", "Show overlay", ("C",), "Show or hide the overlay"),
    ActionSpec("overlay_affinity", "&Overlay", "Affinity", ("Shift+A",), separated=True),
    ActionSpec("overlay_attention", "&Overlay", "Attention", ("Shift+T",)),
    ActionSpec("overlay_positive_winner", "&Overlay", "Winning positive component", ("Shift+P",)),
    ActionSpec("overlay_negative_winner", "&Overlay", "Winning negative component", ("Shift+N",)),
    ActionSpec("overlay_similarity", "&Overlay", "Similarity to a component", ("Shift+S",)),
    ActionSpec("overlay_tissue", "&Overlay", "Tissue fraction", ("Shift+F",)),
    ActionSpec("rank_scale", "&Overlay", "Ranks in place of values", separated=True),
    ActionSpec("smooth_overlay", "&Overlay", "Smooth between patches"),
    ActionSpec("overlay_range", "&Overlay", "Range of values…"),
    ActionSpec("fold_legend", "&Overlay", "Fold the legend"),
    ActionSpec("peek", "&Overlay", "Hide while held", ("H",), "Hold: the slide alone"),
    ActionSpec("opacity_up", "&Overlay", "More opaque", ("]",), separated=True),
    ActionSpec("opacity_down", "&Overlay", "Less opaque", ("[",)),
    ActionSpec("tool_move", "A&nnotate", "Move and select", ("M",)),
    ActionSpec("tool_point", "A&nnotate", "Point", (".",)),
    ActionSpec("tool_line", "A&nnotate", "Line", ("L",), "Line: measure a length"),
    ActionSpec("tool_rectangle", "A&nnotate", "Rectangle", ("R",)),
    ActionSpec("tool_ellipse", "A&nnotate", "Ellipse", ("O",)),
    ActionSpec("tool_polygon", "A&nnotate", "Polygon", ("P",), "Polygon: click, or drag freely"),
    ActionSpec(
        "tool_brush", "A&nnotate", "Brush", ("B",), "Brush: Alt takes away, Shift+wheel resizes"
    ),
    ActionSpec("show_annotations", "A&nnotate", "Show annotations", ("A",), separated=True),
    ActionSpec("annotation_names", "A&nnotate", "Show names", ("N",)),
    ActionSpec("annotation_fill", "A&nnotate", "Fill areas", ("F",)),
    ActionSpec("annotation_undo", "A&nnotate", "Undo", ("Ctrl+Z",), separated=True),
    ActionSpec("annotation_redo", "A&nnotate", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y")),
    ActionSpec("annotation_delete", "A&nnotate", "Delete", ("Del",)),
    # Enter on the canvas or in the list: a shortcut would take it from buttons and cards.
    ActionSpec("annotation_properties", "A&nnotate", "Properties…\tEnter"),
    ActionSpec("analyse", "&Analysis", "Analyse", ("F5",), "Run the open models on this slide"),
    ActionSpec("analyse_inside", "&Analysis", "Analyse inside annotation", ("Shift+F5",)),
    ActionSpec("cancel", "&Analysis", "Cancel analysis"),
    ActionSpec("state_mpp", "&Analysis", "State the slide's resolution…", (), separated=True),
    ActionSpec("next_case", "&Cases", "Next case", ("Ctrl+Right",)),
    ActionSpec("previous_case", "&Cases", "Previous case", ("Ctrl+Left",)),
    ActionSpec("analyse_all", "&Cases", "Analyse all cases", ("Ctrl+F5",), separated=True),
    ActionSpec("glass_first", "&Cases", "Most attention on glass first"),
    ActionSpec("tour", "&Help", "Tour"),
    ActionSpec("show_log", "&Help", "Show log file", separated=True),
    ActionSpec("about", "&Help", "About"),
)


def build_actions(
    owner: QWidget, menus: QMenuBar, slots: Mapping[str, Callable[[], object]]
) -> dict[str, QAction]:
    """Creates the actions and their menus; every action has a slot of its name."""
    actions: dict[str, QAction] = {}
    by_title = {}
    for spec in ACTIONS:
        if spec.menu not in by_title:
            by_title[spec.menu] = menus.addMenu(spec.menu)
        menu = by_title[spec.menu]
        if spec.separated:
            menu.addSeparator()
        action = QAction(spec.text, owner)
        action.setShortcuts([QKeySequence(key) for key in spec.keys])
        key = f" ({spec.keys[0]})" if spec.keys else ""
        action.setToolTip((spec.tip or spec.text) + key)
        slot = slots[spec.name]
        action.triggered.connect(lambda checked=False, slot=slot: slot())
        menu.addAction(action)
        actions[spec.name] = action
    return actions
