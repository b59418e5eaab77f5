"""What mouse and keys do on the canvas itself, without an action: told in the list of keys."""

from __future__ import annotations

#: What mouse and held keys do on the canvas: (gesture, what it does).
GESTURES = (
    ("Wheel, pinch", "Zoom at the cursor"),
    ("Ctrl+wheel", "Overlay more or less opaque"),
    ("Drag", "Move the slide; it glides on when let go in motion"),
    ("Middle button drag", "Move the slide, whatever tool is chosen"),
    ("Space+drag", "Move the slide, whatever tool is chosen"),
    ("Double click", "Zoom in at the cursor"),
    ("Shift+click, right click", "What is this patch? Its similarity to every component"),
    ("Y, N, U in the component pane", "Verdict: credible, not credible, unsure"),
    ("1 to 9, 0 in the component pane", "Verdict: tumour, in-situ, stroma … as the list has them"),
    ("Enter in the cohort workspace", "Open the case"),
    ("Space, R in the cohort workspace", "Tick the case off as reviewed"),
    ("Arrow keys", "Move the view by a fifth"),
    ("Click in the overview", "Go there; drag to follow"),
    ("Esc", "Cancel the running analysis"),
)

#: Keys that the canvas itself takes, and what for: no action may be bound to them.
RESERVED_KEYS = {
    "Space": "moving the slide while it is held",
    "Left": "moving the view",
    "Right": "moving the view",
    "Up": "moving the view",
    "Down": "moving the view",
    "Esc": "cancelling the analysis",
    "Tab": "moving the focus",
    "Shift+Tab": "moving the focus",
}
