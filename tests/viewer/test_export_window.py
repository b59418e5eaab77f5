"""Pictures that are exported: what they show and what they say."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from driving import LIMIT_MS, open_all, settle, shot
from PIL import Image
from pytestqt.qtbot import QtBot

from momkd_viewer.main_window import MainWindow
from momkd_viewer.resource_files import resource

DEMO_MODEL = resource("demo/her2.safetensors")  # at hand without training


def chunks(path: Path) -> dict[bytes, bytes]:
    """The chunks of a PNG by their type."""
    data, at, found = path.read_bytes(), 8, {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        found[kind] = data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length])[0] == zlib.crc32(
            kind + found[kind]
        )
        at += 12 + length
    return found


def test_an_exported_view_is_what_is_seen_and_says_nothing_else(
    qtbot: QtBot, window: MainWindow, labelled_slide: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, labelled_slide, DEMO_MODEL)
    canvas = window.canvas.slide_view
    with qtbot.waitSignal(canvas.rested):  # what moves is painted in haste
        canvas.centre_on(256, 256, 0.5)
    settle(qtbot, window)
    shown = shot(window)
    for scale in (1, 2):
        path = tmp_path / f"{scale}.png"
        with qtbot.waitSignal(window.tools.export.exported, timeout=LIMIT_MS):
            window.tools.export.export_view(path, scale)
        found = chunks(path)
        assert set(found) == {b"IHDR", b"tEXt", b"pHYs", b"IDAT", b"IEND"}
        assert found[b"tEXt"].startswith(b"Software\0MoMKD Viewer ")
        per_metre = struct.unpack(">IIB", found[b"pHYs"])
        assert per_metre == (4_000_000 * scale, 4_000_000 * scale, 1), "0.25 µm a screen pixel"
        raw = path.read_bytes()
        assert not any(word in raw for word in (b"Meier", b"Aperio", b"tmp"))
        with Image.open(path) as picture:
            assert picture.size == (canvas.width() * scale, canvas.height() * scale)
            if scale == 1:
                x, y = picture.width // 2, picture.height // 2
                inside = np.asarray(picture)[y - 80 : y + 80, x - 120 : x + 120]
                difference = np.abs(inside.astype(int) - shown)
                assert (difference <= 2).mean() > 0.99


def test_the_whole_overlay_is_exported_with_its_legend_below(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path, DEMO_MODEL)
    window.overlay.set_opacity(1.0)
    window.canvas.slide_view.rotate_to(45)
    path = tmp_path / "overlay.png"
    with qtbot.waitSignal(window.tools.export.exported, timeout=LIMIT_MS):
        window.tools.export.export_overlay(path, 1024)
    result = window.analysis.result
    assert result is not None
    with Image.open(path) as picture:
        width, height = picture.size
        scale = width / 1536
        assert width == 1024 and height > round(1280 * scale) + 60, "a strip below the slide"
        patch = int(np.abs(result.affinity).argmax())
        x, y = (result.coords[patch] + result.size_level0 / 2) * scale
        red, _, blue = picture.getpixel((int(x), int(y)))
        assert (red > blue + 40) == (result.affinity[patch] > 0)
    settle(qtbot, window)
    assert not window.export_strip.isVisible()


def test_a_picture_that_cannot_be_written_is_named(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    (tmp_path / "file").write_text("")
    window.tools.export.export_view(tmp_path / "file" / "view.png", 1)
    qtbot.waitUntil(window.canvas.banner.isVisible, timeout=LIMIT_MS)
    assert "view.png" in window.canvas.banner.text


def test_a_picture_that_has_to_wait_says_so(
    qtbot: QtBot, window: MainWindow, slide_path: Path, tmp_path: Path
) -> None:
    open_all(qtbot, window, slide_path)
    for name in ("first.png", "second.png"):
        window.tools.export.export_view(tmp_path / name, 1)
    assert "still being exported" in window.canvas.banner.text
    settle(qtbot, window)
    assert (tmp_path / "first.png").exists() and not (tmp_path / "second.png").exists()
    window.tools.export.export_view(tmp_path / "second.png", 1)
    settle(qtbot, window)
    assert (tmp_path / "second.png").exists()
