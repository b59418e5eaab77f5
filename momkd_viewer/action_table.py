"""Every menu entry, toolbar button and its keys, as one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ActionSpec:
    """One action; ``keys`` are alternatives, the first is shown.

    Attributes:
        menu: its menu; ``menu/submenu`` for an entry of a submenu.
        keys: as they are until the user binds others, see ``state/key_bindings.py``.
        separated: whether a line is drawn above it.
        checkable: whether it is on or off.
        needs_slide: whether it is of use only while a slide is open.
    """

    name: str
    menu: str
    text: str
    keys: tuple[str, ...] = ()
    tip: str = ""
    separated: bool = False
    checkable: bool = False
    needs_slide: bool = False


MAGNIFICATIONS = (1.25, 2.5, 5.0, 10.0, 20.0, 40.0)

ACTIONS = (
    ActionSpec("open_slide", "&File", "Open slide…", ("Ctrl+O",), "Open a whole-slide image"),
    ActionSpec("open_cohort", "&File", "Open cohort…", ("Ctrl+Shift+O",), "Open a cohort table"),
    ActionSpec("open_model", "&File", "Open model…", ("Ctrl+M",), "Open a model file"),
    ActionSpec("open_run", "&File", "Open run folder…", (), "Open the mean of a run's folds"),
    ActionSpec("open_demo", "&File", "Open the demo", (), "Drawn slides with a model"),
    ActionSpec("open_evidence", "&File", "Open evidence…", (), "Open a bundle as it was looked at"),
    ActionSpec("import_annotations", "&File", "Import annotations…", separated=True),
    ActionSpec("export_annotations", "&File", "Export annotations…", (), "GeoJSON, as in QuPath"),
    ActionSpec("close_slide", "&File", "Close slide", ("Ctrl+W",), separated=True),
    ActionSpec(
        "export_view",
        "&File",
        "Export view…",
        ("Ctrl+Shift+E",),
        "Save what the canvas shows as PNG, with scale bar and legend",
        separated=True,
        needs_slide=True,
    ),
    ActionSpec(
        "export_overlay",
        "&File",
        "Export overlay…",
        (),
        "Save the whole slide with its overlay as PNG, with scale bar and legend",
        needs_slide=True,
    ),
    ActionSpec(
        "export_evidence",
        "&File",
        "Export evidence…",
        ("Ctrl+Shift+B",),
        "Save result, patches, verdicts and view as one zip that opens without the program",
        needs_slide=True,
    ),
    ActionSpec(
        "save_report",
        "&File",
        "Save report as PDF…",
        (),
        "Save what the model says of this case, and why, as pages for a meeting",
        needs_slide=True,
    ),
    ActionSpec(
        "preferences",
        "&File",
        "Preferences…",
        ("Ctrl+,",),
        "Theme, memory and readers",
        separated=True,
    ),
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
    ActionSpec(
        "split_view",
        "&View",
        "Second view",
        ("F6",),
        "Show the slide a second time beside itself, under another overlay",
        separated=True,
        needs_slide=True,
    ),
    ActionSpec(
        "open_second",
        "&View",
        "Slide in the second view…",
        ("Ctrl+Shift+2",),
        "Compare with another slide",
        needs_slide=True,
    ),
    ActionSpec(
        "link_views", "&View", "Link views", ("Ctrl+Alt+S",), "Both views move together, or not"
    ),
    ActionSpec("check_alignment", "&View", "Check alignment", separated=True),
    ActionSpec(
        "turn_left",
        "&View",
        "Turn left",
        ("Ctrl+Alt+Left",),
        "Turn the slide by 90° to the left",
        separated=True,
        needs_slide=True,
    ),
    ActionSpec(
        "turn_right",
        "&View",
        "Turn right",
        ("Ctrl+Alt+Right",),
        "Turn the slide by 90° to the right",
        needs_slide=True,
    ),
    ActionSpec(
        "turn_freely",
        "&View",
        "Turn freely…",
        ("Ctrl+Alt+R",),
        "Turn the slide by any angle",
        needs_slide=True,
    ),
    ActionSpec(
        "turn_upright",
        "&View",
        "Upright",
        ("Ctrl+Alt+0",),
        "Show the slide as it was scanned",
        needs_slide=True,
    ),
    ActionSpec(
        "display",
        "&View",
        "Brightness, contrast, stain…",
        ("Shift+C",),
        "Brightness, contrast, gamma, one stain alone, colour profile",
        separated=True,
        needs_slide=True,
    ),
    *(
        ActionSpec(f"theme_{name}", "&View/Theme", text, (), tip, checkable=True)
        for name, text, tip in (
            ("dark", "Dark", "Dark panels"),
            ("light", "Light", "Light panels"),
            ("system", "As the system", "Dark or light, as the desktop is"),
        )
    ),
    ActionSpec(
        "mask_names",
        "&View",
        "Mask names",
        ("Ctrl+Shift+M",),
        "Show Slide 1, Case 1 … in place of names",
        separated=True,
        checkable=True,
    ),
    ActionSpec(
        "slide_label",
        "&View",
        "Slide label and macro…",
        (),
        "Pictures of the glass itself, which may name the patient",
        needs_slide=True,
    ),
    ActionSpec(
        "go_to",
        "&Go",
        "Go to coordinate…",
        ("Ctrl+G",),
        "Centre on a place in µm or pixels",
        needs_slide=True,
    ),
    ActionSpec("go_back", "&Go", "Back", ("Alt+Left",), "The view before", separated=True),
    ActionSpec("go_forward", "&Go", "Forward", ("Alt+Right",), "The view after"),
    ActionSpec(
        "add_bookmark",
        "&Go",
        "Bookmark this view…",
        ("Ctrl+D",),
        "Keep this view under a name",
        separated=True,
        needs_slide=True,
    ),
    ActionSpec(
        "edit_bookmarks",
        "&Go",
        "Bookmarks…",
        ("Ctrl+Shift+D",),
        "Go to, rename or delete bookmarks of this slide",
        needs_slide=True,
    ),
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
    ActionSpec(
        "build_atlas",
        "&Analysis",
        "Build cohort atlas",
        (),
        "Read the whole cohort with this model: its components' patches over all slides",
        separated=True,
    ),
    ActionSpec(
        "muting_changes",
        "&Analysis",
        "What muting changes",
        ("Ctrl+Shift+U",),
        "The open slide and the cohort with all components, and without the muted ones",
    ),
    ActionSpec(
        "save_curated",
        "&Analysis",
        "Save as curated model…",
        (),
        "A copy of the model file that leaves the muted components out",
    ),
    ActionSpec("state_mpp", "&Analysis", "State the slide's resolution…", (), separated=True),
    ActionSpec(
        "inspect_patch",
        "&Analysis",
        "What is this patch?",
        ("W",),
        "The patch under the cursor: its similarity to every component",
        separated=True,
    ),
    ActionSpec(
        "component_pane",
        "&Analysis",
        "Component in detail",
        ("D",),
        "Show or hide the pane of patches, charts and genes of a component",
    ),
    ActionSpec(
        "workspace",
        "&Cases",
        "Cohort workspace",
        ("Ctrl+Shift+C",),
        "All cases as a table: order of review, filters, charts, what was reviewed",
    ),
    ActionSpec("next_case", "&Cases", "Next case", ("Ctrl+Right",), separated=True),
    ActionSpec("previous_case", "&Cases", "Previous case", ("Ctrl+Left",)),
    ActionSpec(
        "analyse_all",
        "&Cases",
        "Analyse all cases",
        ("Ctrl+F5",),
        "Run the open models on every case, in the background",
        separated=True,
    ),
    ActionSpec(
        "pause_all",
        "&Cases",
        "Pause analysing",
        ("Ctrl+Shift+F5",),
        "Pause the analysis of the cases, or go on with it",
    ),
    ActionSpec(
        "stop_all", "&Cases", "Stop analysing", (), "Analyse no more cases; what was found stays"
    ),
    ActionSpec(
        "retry_failed",
        "&Cases",
        "Try failed ones again",
        (),
        "Run the open models on the cases that failed, and on no others",
    ),
    ActionSpec("glass_first", "&Cases", "Most attention on glass first", separated=True),
    ActionSpec(
        "try_cures",
        "&Cases",
        "Try cures…",
        (),
        "Mask background, mute components on it, extract more strictly: side by side on the cohort",
        separated=True,
    ),
    ActionSpec(
        "try_cures_here",
        "&Cases",
        "Try cures on this case…",
        (),
        "The same on the open case",
    ),
    ActionSpec(
        "training",
        "&Cases",
        "Training…",
        ("Ctrl+Shift+T",),
        "Train models, watch trainings, compare runs",
        separated=True,
    ),
    ActionSpec("verdict_yes", "&Review", "Component is credible", ("Ctrl+Alt+Y",)),
    ActionSpec("verdict_no", "&Review", "Component is not credible", ("Ctrl+Alt+N",)),
    ActionSpec("verdict_unsure", "&Review", "Unsure", ("Ctrl+Alt+U",)),
    ActionSpec(
        "verdict_undo",
        "&Review",
        "Undo my last change of the verdict",
        ("Ctrl+Alt+Z",),
        "What you said of the shown component before counts again",
    ),
    ActionSpec(
        "blinded",
        "&Review",
        "Blinded mode",
        ("Ctrl+Alt+B",),
        "Judge without knowing memory, genes, predictions and what others say",
        separated=True,
        checkable=True,
    ),
    ActionSpec(
        "agreement",
        "&Review",
        "Agreement…",
        (),
        "How far reviewers agree on the chosen model",
    ),
    ActionSpec("show_keys", "&Help", "Keys…", ("F1",), "All keys, and how to change them"),
    ActionSpec(
        "palette",
        "&Help",
        "Find a command…",
        ("Ctrl+L", "Ctrl+K"),
        "Type to find any command and run it",
    ),
    ActionSpec("tour", "&Help", "Tour"),
    ActionSpec("show_log", "&Help", "Show log file", separated=True),
    ActionSpec("about", "&Help", "About"),
)
