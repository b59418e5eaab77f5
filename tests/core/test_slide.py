"""Slides: facts, pixels, and every way in which a file can be bad."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pytest
from PIL import Image
from synthetic import damage_tile, tissue_image, write_slide

from momkd_core import slide_handle
from momkd_core.errors import SlideError
from momkd_core.patience import is_hiccup
from momkd_core.slide import Slide
from momkd_core.slide_handle import SlideHandle


def test_facts(slide_path: Path) -> None:
    with Slide(slide_path) as slide:
        facts = slide.info()
    assert (facts["width"], facts["height"]) == (1536, 1280)
    assert facts["mpp_x"] == pytest.approx(0.5, rel=1e-4)
    assert [level["downsample"] for level in facts["levels"]] == [1, 2, 4]
    assert facts["objective"] is None


def test_pixels_are_those_of_the_image(slide_path: Path) -> None:
    image = tissue_image(1536, 1280, seed=3)
    with Slide(slide_path) as slide:
        np.testing.assert_array_equal(slide.read(300, 200, 0, 64, 32), image[200:232, 300:364])
        np.testing.assert_array_equal(slide.read(300, 200, 1, 40, 30), image[200:260:2, 300:380:2])


def test_outside_the_scan_is_background(slide_path: Path) -> None:
    with Slide(slide_path) as slide:
        assert (slide.read(-50, -50, 0, 40, 40) == 255).all()


def test_thumbnail_keeps_proportions_and_colour(slide_path: Path) -> None:
    with Slide(slide_path) as slide:
        thumbnail = slide.thumbnail(384)
    assert thumbnail.shape == (320, 384, 3)
    whole = tissue_image(1536, 1280, seed=3)[::4, ::4]
    assert np.abs(thumbnail.mean(axis=(0, 1)) - whole.mean(axis=(0, 1))).max() < 1.5


def test_resolution_is_never_assumed(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.tif", tissue_image(512, 512), mpp=None)
    with Slide(path) as slide:
        assert slide.info()["mpp_x"] is None
        with pytest.raises(SlideError, match=r"does not state its resolution.*--slide-mpp"):
            _ = slide.mpp
    with Slide(path, mpp=0.25) as slide:
        assert slide.mpp.mean == 0.25


def test_stated_resolution_overrides_the_file(slide_path: Path) -> None:
    with Slide(slide_path, mpp=0.7) as slide:
        assert slide.mpp.mean == 0.7


@pytest.mark.parametrize("name", ["with space é 画.tif", "a'b\".tif"])
def test_any_path(tmp_path: Path, name: str) -> None:
    path = write_slide(tmp_path / "földer x" / name, tissue_image(300, 300))
    with Slide(path) as slide:
        assert slide.width == 300


def test_plain_picture(tmp_path: Path) -> None:
    Image.fromarray(tissue_image(100, 100)).save(tmp_path / "small.png")
    with Slide(tmp_path / "small.png") as slide:
        assert slide.thumbnail(1000).shape == (100, 100, 3)
        assert slide.known_mpp is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a slide at all", "not a slide format"),
        (b"", "fake.svs is empty"),
        (b"II*\0" + bytes(500), "a TIFF file that cannot be read as a slide.*copy it again"),
        (b"\x89PNG" + bytes(500), "cannot be read as a picture"),
    ],
)
def test_no_slide(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "fake.svs"
    path.write_bytes(content)
    with pytest.raises(SlideError, match=message):
        Slide(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="does not exist"):
        Slide(tmp_path / "none.svs")
    with pytest.raises(SlideError, match="folder"):
        Slide(tmp_path)


def test_truncated_file_is_named(slide_path: Path, tmp_path: Path) -> None:
    """Cut in the pixels of level 0: opens, but reading must fail instead of giving white."""
    content = slide_path.read_bytes()
    damaged = bytearray(content)
    middle = len(content) // 3
    damaged[middle : middle + 200_000] = bytes(200_000)
    path = tmp_path / "damaged.tif"
    path.write_bytes(damaged)
    with Slide(path) as slide, pytest.raises(SlideError, match="truncated or corrupt"):
        slide.read(0, 0, 0, slide.width, slide.height)


def test_one_bad_place_does_not_spoil_the_rest(slide_path: Path, tmp_path: Path) -> None:
    """OpenSlide itself fails every read after the first failure."""
    content = bytearray(slide_path.read_bytes())
    middle = len(content) // 3
    content[middle : middle + 100_000] = bytes(100_000)
    path = tmp_path / "damaged.tif"
    path.write_bytes(content)
    with Slide(path) as slide:
        before = slide.read(0, 0, 0, 200, 200)
        with pytest.raises(SlideError):
            slide.read(0, 0, 0, slide.width, slide.height)
        np.testing.assert_array_equal(slide.read(0, 0, 0, 200, 200), before)


@pytest.mark.parametrize("compression", ["jpeg", "zlib"])
def test_reads_beside_a_bad_place_are_not_spoilt(tmp_path: Path, compression: str) -> None:
    """A failed handle fails every thread that uses it: theirs are read again."""
    bad = (2, 1)
    path = write_slide(
        tmp_path / "a.tif", tissue_image(1280, 1024, seed=3), compression=compression
    )
    tiles = [(column, row) for row in range(4) for column in range(5)]

    def read(slide: Slide, packed: bool, tile: tuple[int, int]) -> np.ndarray:
        area = (256 * tile[0], 256 * tile[1], 0, 256, 256)
        return slide.packed(*area) if packed else slide.read(*area)

    with Slide(path) as slide:
        sound = {(tile, packed): read(slide, packed, tile) for tile in tiles for packed in (0, 1)}
    damage_tile(path, *bad)
    failures: list[str] = []
    starting = threading.Barrier(8)

    def read_on(seed: int) -> None:
        random = np.random.default_rng(seed)
        starting.wait()
        for _ in range(60):
            # Every third read is of the bad tile, so that sound ones are always in flight beside it.
            tile = bad if random.integers(3) == 0 else tiles[random.integers(len(tiles))]
            packed = int(random.integers(2))
            if tile == bad:
                with pytest.raises(SlideError, match=r"level 0, pixel \(512, 256\)") as caught:
                    read(slide, packed, tile)
                failures.append(caught.value.cure)
            else:
                np.testing.assert_array_equal(read(slide, packed, tile), sound[tile, packed])

    with Slide(path, cache=0) as slide, ThreadPoolExecutor(8) as pool:
        list(pool.map(read_on, range(8)))
        assert slide.associated_images == ()
    assert len(failures) > 100 and all("copy it again" in cure for cure in failures)


def test_a_failed_handle_is_replaced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that meet the same failure share the next handle; each tries again on its own."""
    path = damage_tile(write_slide(tmp_path / "a.tif", tissue_image(512, 512)), 0, 0)
    opened = 0
    really_open = slide_handle._open

    def count(*arguments: Any) -> Any:
        nonlocal opened
        opened += 1
        return really_open(*arguments)

    monkeypatch.setattr(slide_handle, "_open", count)
    handle = SlideHandle(path, cache=0)
    first = handle.use(lambda shared: shared)
    meeting = threading.Barrier(4)

    def fail(shared: Any) -> None:
        meeting.wait()  # all on the same handle
        shared.read_region((0, 0), 0, (9, 9))

    with ThreadPoolExecutor(4) as pool:
        for outcome in [pool.submit(handle.use, fail) for _ in range(4)]:
            with pytest.raises(openslide.OpenSlideError):
                outcome.result()
    assert handle.use(lambda shared: shared) is not first
    assert opened == 1 + 1 + 2 * 4
    handle.use(lambda shared: shared.read_region((256, 256), 0, (64, 64)))
    assert opened == 1 + 1 + 2 * 4, "the handle that replaced the failed one is sound"
    handle.close()


def test_a_share_that_is_back_at_once_costs_nothing(slide_path: Path) -> None:
    """The first try fails, the one after it too, then the plain read of the file goes well."""
    tries = 0

    def read(shared: Any) -> str:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise openslide.OpenSlideError("short read")
        return "pixels"

    handle = SlideHandle(slide_path, cache=0)
    assert handle.use(read) == "pixels"
    handle.close()


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file here fails to be read")
@pytest.mark.parametrize(("name", "part"), [("a.mrxs", "a/Data0000.dat"), ("a.dcm", "b.dcm")])
def test_a_share_that_took_another_file_of_the_slide_is_told_from_damage(
    slide_path: Path, tmp_path: Path, name: str, part: str
) -> None:
    path = Path(shutil.copy(slide_path, tmp_path / name))
    (tmp_path / part).parent.mkdir(exist_ok=True)
    (tmp_path / part).symlink_to("/proc/self/mem")  # its first page cannot be read

    def read(shared: Any) -> None:
        raise openslide.OpenSlideError("short read")

    handle = SlideHandle(path, cache=0)
    with pytest.raises(OSError) as caught:
        handle.use(read)
    assert is_hiccup(caught.value)
    handle.close()


def test_closing_waits_for_readers_and_later_reads_fail(slide_path: Path) -> None:
    slide = Slide(slide_path)
    outcomes: list[str] = []

    def read_on() -> None:
        try:
            while True:
                slide.read(0, 0, 0, 512, 512)
        except SlideError as error:
            outcomes.append(error.cause)

    threads = [threading.Thread(target=read_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    slide.close()
    for thread in threads:
        thread.join(timeout=20)
    assert len(outcomes) == 3 and all("closed" in outcome for outcome in outcomes)


def test_packed_pixels_are_the_slides(slide_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As OpenSlide writes them, and by way of Pillow where its wrapper hides how."""
    with Slide(slide_path) as slide:
        for area in (
            (0, 0, 0, 256, 256),
            (700, 500, 1, 130, 77),
            (slide.width - 60, 0, 0, 128, 90),
        ):
            rgb = slide.read(*area).astype(np.uint32)
            expected = 0xFF000000 + (rgb[..., 0] << 16) + (rgb[..., 1] << 8) + rgb[..., 2]
            np.testing.assert_array_equal(slide.packed(*area), expected)
            with monkeypatch.context() as patch:
                patch.setattr("momkd_core.slide._read_packed", lambda *ignored: None)
                np.testing.assert_array_equal(slide.packed(*area), expected)
