"""Keys, history, bookmarks, places, masks, themes and preferences in plain Python."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from skimage.color import combine_stains, hed_from_rgb, rgb_from_hed, separate_stains

from momkd_core.errors import MomkdError
from momkd_viewer.action_table import ACTIONS
from momkd_viewer.gesture_table import RESERVED_KEYS
from momkd_viewer.resource_files import resource
from momkd_viewer.state.bookmarks import Bookmark, BookmarkError, from_json, named, to_json
from momkd_viewer.state.command_search import Command, found
from momkd_viewer.state.coordinates import CoordinateError, level0_point, parse_point
from momkd_viewer.state.key_bindings import KeyBindings, KeyConflictError, normalised
from momkd_viewer.state.name_mask import NameMask
from momkd_viewer.state.preferences import PreferenceError, Preferences
from momkd_viewer.state.rendition import Rendition, Stain
from momkd_viewer.state.theme import PALETTES, THEMES, contrast, style_sheet
from momkd_viewer.state.tile_cache import TileCache
from momkd_viewer.state.view_history import ViewHistory
from momkd_viewer.state.viewport import Viewport


def bindings() -> KeyBindings:
    return KeyBindings(
        {"open": ("Ctrl+O",), "fit": ("0", "Home"), "plain": ()},
        {"open": "Open", "fit": "Fit", "plain": "Plain"},
        {"Space": "panning"},
    )


def test_no_two_actions_of_the_table_share_a_key() -> None:
    keys = [normalised(key) for spec in ACTIONS for key in spec.keys]
    assert len(keys) == len(set(keys))
    assert not set(keys) & {normalised(key) for key in RESERVED_KEYS}
    names = [spec.name for spec in ACTIONS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("typed", "key"),
    [("shift+CTRL+d", "Ctrl+Shift+D"), ("+", "+"), ("Ctrl++", "Ctrl++"), ("home", "Home")],
)
def test_keys_are_written_in_one_way(typed: str, key: str) -> None:
    assert normalised(typed) == key


def test_a_key_that_is_taken_is_named_and_can_be_taken_over() -> None:
    keys = bindings()
    with pytest.raises(KeyConflictError, match="“Fit”") as conflict:
        keys.change("plain", ["Home"])
    assert conflict.value.holder == "fit" and keys.keys_of("plain") == ()
    with pytest.raises(KeyConflictError, match="panning"):
        keys.change("plain", ["Space"], take=True)
    keys.change("plain", ["home"], take=True)
    assert keys.keys_of("plain") == ("Home",) and keys.keys_of("fit") == ("0",)
    assert keys.holder("Home") == "plain" and keys.is_changed("fit")
    assert keys.reset("fit") == ("Home",), "it stays where it is until that is reset too"
    keys.reset_all()
    assert keys.keys_of("fit") == ("0", "Home") and keys.keys_of("plain") == ()


def test_changed_keys_survive_and_broken_ones_do_not_hurt() -> None:
    keys, again = bindings(), bindings()
    keys.change("open", ["Ctrl+P"])
    again.load_json(keys.to_json())
    assert again.keys_of("open") == ("Ctrl+P",)
    for broken in ("{", "[]", '{"open": 3}', '{"open": ["Hyper+Q"]}', '{"gone": ["X"]}'):
        again.load_json(broken)
        assert again.keys_of("open") == ("Ctrl+O",)


def test_commands_are_found_by_the_start_of_words_first() -> None:
    commands = [
        Command("a", "File ▸ Reopen"),
        Command("b", "File ▸ Open slide…"),
        Command("c", "View ▸ Fit", tip="opens nothing"),
    ]
    assert [c.name for c in found("open", commands)] == ["b", "a", "c"]
    assert [c.name for c in found("sl fi", commands)] == ["b"]
    assert found("", commands) == commands and found("xyz", commands) == []


def test_history_goes_back_and_forward_and_merges_near_views() -> None:
    history = ViewHistory()
    start = Viewport.fitted(40_000, 30_000, 1000, 800)
    near = start.zoomed(1.1, 500, 400)
    far = start.zoomed(8, 100, 100)
    turned = replace(far, rotation=90.0)
    for view in (start, near, far, turned):
        history.push(view)
    assert len(history) == 3, "the near one is the same view"
    assert history.back() == far and history.back() == start and history.back() is None
    history.push(start)
    assert history.forward() == far and history.can_go_forward
    elsewhere = far.panned(900, 0)
    history.push(elsewhere)
    assert not history.can_go_forward and history.back() == far
    creeping = ViewHistory()
    for step in range(30):
        creeping.push(far.panned(step * 40.0, 0))
    assert 5 <= len(creeping) <= 10, "small steps leave a trace"


def test_bookmarks_survive_and_names_stay_apart() -> None:
    marks = [Bookmark("Tumour", 1.5, 2.5, 4.0, 30.0)]
    assert from_json(to_json(marks), "file") == marks
    assert named(" Tumour\n", marks) == "Tumour (2)" and named("  ", marks) == "Bookmark"
    for broken in ("{}", "nonsense", to_json(marks).replace("4.0", "-1"), "[1]"):
        with pytest.raises(BookmarkError, match="Move the file"):
            from_json(broken, "file")


def test_typed_places() -> None:
    for text in ("1200 850", "1200,850", "1200, 850", "x 1200  y 850 px", "1200;850"):
        assert parse_point(text) == (1200, 850), text
    assert parse_point("12,5 7.25") == (12.5, 7.25)
    assert level0_point("100 50", "µm", (0.5, 0.25), 400, 400) == (200, 200)
    for text, unit, mpp in (
        ("12", "px", None), ("a b", "px", None), ("1 2 3", "px", None),
        ("401 0", "px", None), ("-1 0", "px", None), ("1 1", "µm", None),
    ):  # fmt: skip
        with pytest.raises(CoordinateError) as error:
            level0_point(text, unit, mpp, 400, 400)
        assert isinstance(error.value, MomkdError) and error.value.cure


def test_masked_names_are_stable_and_reach_messages() -> None:
    mask = NameMask()
    a, b = Path("/data/Meier/Meier 12.svs"), Path("/data/S-1.tif")
    assert mask.slide(a) == "Meier 12.svs" and mask.text("Meier 12.svs") == "Meier 12.svs"
    mask.meet_case("P7", b)
    mask.meet_file(Path("/data/Meier"))
    mask.on = True
    assert mask.slide(a) == "Slide 1" and mask.case("P7", b) == "Case 1"
    assert mask.case("P7 · S-1", b) == "Case 1 · Slide 2"
    said = mask.text(f"{a} cannot be read. Meier 12.svs, line 7: 7 of P7, not P77.")
    assert said == "Slide 1 cannot be read. Slide 1, line 7: 7 of Case 1, not P77."
    beside = mask.text(f"{a}.annotations.geojson cannot be written, nor Meier 12.0c1.geojson")
    assert beside == "Slide 1.annotations.geojson cannot be written, nor Slide 1.0c1.geojson"
    mask.meet_slide(Path("/data/Schulz/scan.svs"))
    assert mask.text("/data/Schulz cannot be written") == "… cannot be written"
    mask.meet_file(Path("/out/Slide 1.geojson"))
    assert mask.text("Meier 12.svs at 1.5 µm") == "Slide 1 at 1.5 µm", "nothing is masked twice"
    assert "Huber" not in mask.text("t.csv line 3: case_id 'Huber' cannot be a file name")
    mask.on = False
    assert mask.case("P7", b) == "P7"


def test_preferences_are_checked() -> None:
    kept = {"cache_mib": "512", "theme": "light", "colour_managed": "false", "readers": "99"}
    assert Preferences.from_kept(kept) == Preferences(512, "light", False, 0), "99 is impossible"
    assert Preferences.from_kept({"cache_mib": "x", "theme": "pink"}) == Preferences()
    with pytest.raises(PreferenceError, match="64 to 8192"):
        Preferences(cache_mib=1)


def test_a_smaller_budget_lets_go_at_once() -> None:
    cache: TileCache[int, str] = TileCache(100)
    cache.put(0, "pinned", 40, pinned=True)
    cache.put(1, "old", 30)
    cache.put(2, "new", 30)
    cache.set_budget(70)
    assert 1 not in cache and 0 in cache and 2 in cache and cache.bytes == 70


def test_both_themes_come_from_one_template_and_can_be_read() -> None:
    template = resource("styles/window.qss").read_text(encoding="utf-8")
    assert not re.search(r":[^;{}]*(#[0-9a-fA-F]{3,8}\b|rgba?\()", template), (
        "a colour, not a token"
    )
    for theme in THEMES:
        assert "$" not in style_sheet(template, theme, "icons")
        colours = PALETTES[theme]
        surround = colours["surround"]
        assert surround[1:3] == surround[3:5] == surround[5:7], "neutral grey"
        for text, ground in (
            ("text", "window"), ("text", "panel"), ("text", "control"), ("text", "chosen"),
            ("quiet", "window"), ("quiet", "panel"), ("caution", "panel"), ("failure", "panel"),
            ("mark", "window"), ("accent", "window"), ("banner_text", "banner"),
            ("strong", "muted"), ("card_text", "card"), ("card_quiet", "card"),
        ):  # fmt: skip
            assert contrast(colours[text], colours[ground]) >= 4.5, (theme, text, ground)


def test_no_widget_has_a_colour_of_its_own() -> None:
    folder = Path(__file__).parents[2] / "momkd_viewer" / "widgets"
    fixed = re.compile(r"QColor\(\s*[\"'\d]|[\"']#[0-9a-fA-F]{6}[\"']")
    found_in = [p.name for p in folder.glob("*.py") if fixed.search(p.read_text(encoding="utf-8"))]
    assert found_in == [], "they would not follow the theme: use widgets/colours.py"


@pytest.mark.parametrize(("stain", "channel"), [("haematoxylin", 0), ("eosin", 1)])
def test_one_stain_is_what_the_library_gives(stain: Stain, channel: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    amounts = separate_stains(pixels, hed_from_rgb)
    alone = np.zeros_like(amounts)
    alone[..., channel] = amounts[..., channel]
    theirs = np.round(combine_stains(alone, rgb_from_hed) * 255).astype(int)
    ours = Rendition(stain=stain).apply(pixels).astype(int)
    assert np.abs(ours - theirs).max() <= 1
