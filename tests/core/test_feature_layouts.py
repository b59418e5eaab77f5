"""Feature files in the layouts of TRIDENT, CLAM and STAMP, and the folders that these tools leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from layouts import (
    COORDS,
    FEATURES,
    write_clam,
    write_clam_patches,
    write_datasets,
    write_stamp,
    write_trident,
)
from synthetic import tissue_image, write_slide

from momkd_core.cohort import read_cohort
from momkd_core.errors import CohortError, FeatureError
from momkd_core.feature_folder import FeatureFolder, feature_files
from momkd_core.features import read_features, read_header, read_places
from momkd_core.settings import ModelSettings
from momkd_core.training_slides import SlideStore


def test_trident_says_how_patches_were_cut(tmp_path: Path) -> None:
    bag = read_features(write_trident(tmp_path))
    np.testing.assert_array_equal(bag.features, FEATURES)
    np.testing.assert_array_equal(bag.coords, COORDS)
    assert bag.features.dtype == np.float32
    # 20x stands for 10 / 20 µm/px; uni_v2 is TRIDENT's name of UNI2-h.
    found = (bag.size_level0, bag.target_mpp, bag.patch_size, bag.overlap, bag.encoder)
    assert found == (512, 0.5, 256, 0, "uni2-h")


def test_what_an_older_trident_left_out_is_derived(tmp_path: Path) -> None:
    by_magnification = write_trident(tmp_path / "a", patch_size_level0=None, patch_size=300)
    assert read_features(by_magnification).size_level0 == 600  # 300 px at 20x of a 40x slide

    bare = write_datasets(
        tmp_path / "20x_256px_128px_overlap" / "features_uni_v2" / "a.h5",
        {"features": FEATURES[None], "coords": COORDS[None]},
        features={"encoder": "None"},  # TRIDENT's way to write that it does not know
    )
    bag = read_features(bare)
    # The folder says 256 px, 128 of them shared: patches 512 apart are 1,024 wide.
    found = (bag.size_level0, bag.target_mpp, bag.patch_size, bag.overlap, bag.encoder)
    assert found == (1024, 0.5, 256, 128, "uni2-h")
    assert read_header(bare).patch_size == 256

    elsewhere = write_datasets(
        tmp_path / "mine" / "features_old" / "a.h5", {"features": FEATURES, "coords": COORDS}
    )
    assert read_features(elsewhere).encoder is None  # such a folder of one's own names no encoder


def test_clam_takes_the_patch_size_from_its_coordinates_else_from_the_grid(tmp_path: Path) -> None:
    file = write_clam(tmp_path / "features")
    assert read_features(file).size_level0 == 512
    write_clam_patches(tmp_path, downsample=[4.0, 4.0])
    assert (
        read_features(file).size_level0 == 1024
    )  # 256 px of a level four times smaller, overlapping

    # Two pieces of tissue, each with a grid of its own that starts where the piece does.
    pieces = np.concatenate([COORDS, COORDS + np.array([37, 101])])
    assert read_features(write_clam(tmp_path / "two", coords=pieces)).size_level0 == 512

    alone = write_clam(tmp_path / "one", coords=COORDS[:1])
    with pytest.raises(FeatureError, match="does not say how large its patches are"):
        read_features(alone)


def test_stamp_is_converted_from_microns(tmp_path: Path) -> None:
    file = write_stamp(tmp_path)
    bag = read_features(file, mpp=0.5)
    np.testing.assert_array_equal(bag.coords, COORDS)
    np.testing.assert_array_equal(bag.features, FEATURES)
    assert (bag.size_level0, bag.patch_size, bag.overlap) == (512, 224, 0)
    assert bag.target_mpp == pytest.approx(256 / 224) and bag.encoder == "uni2-h"
    assert read_places(file, mpp=0.25).coords.tolist() == (2 * COORDS).tolist()

    slide = write_slide(tmp_path / "a.tif", tissue_image(512, 512), mpp=0.5, levels=1)
    np.testing.assert_array_equal(read_features(file, slide=slide).coords, COORDS)
    with pytest.raises(
        FeatureError, match=r"in microns, and the resolution of the slide is not known"
    ):
        read_features(file)
    assert read_header(file).width == 4  # what does not depend on it is told all the same


def test_stamp_without_a_known_unit_is_refused(tmp_path: Path) -> None:
    older = write_stamp(tmp_path / "2.0", tile_size_um=None, tile_size=256.0)
    assert read_features(older, mpp=0.5).size_level0 == 512
    first = write_datasets(  # version 1: 224 px stand for 256 µm
        tmp_path / "1" / "a.h5", {"feats": FEATURES, "coords": COORDS * 224 / 512}
    )
    np.testing.assert_array_equal(read_features(first, mpp=0.5).coords, COORDS)

    for changed in ({"tile_size_um": None, "unit": None}, {"unit": "px"}):
        with pytest.raises(FeatureError, match="whether its coords are microns or pixels"):
            read_features(write_stamp(tmp_path / "x", **changed), mpp=0.5)
    with pytest.raises(FeatureError, match="features of a slide, not of patches"):
        read_features(write_stamp(tmp_path / "x", feat_type="slide"), mpp=0.5)


def test_training_takes_a_slides_resolution_from_the_cohort(tmp_path: Path) -> None:
    file, settings = write_stamp(tmp_path), ModelSettings(feature_width=4, neighbours=2)
    with pytest.raises(FeatureError, match="the resolution of the slide is not known"):
        SlideStore(settings)[file]
    graph = SlideStore(settings, slides={file: (None, 0.5)})[file]
    # Kept as STAMP stores them, and single where the network takes them.
    assert (graph.vectors.dtype, graph.features.dtype) == (torch.float16, torch.float32)
    np.testing.assert_array_equal(graph.features.numpy(), FEATURES)


def test_precomputed_edges_are_left_alone(tmp_path: Path) -> None:
    edges = np.array([[0, 1], [1, 0]])
    file = write_datasets(
        tmp_path / "a.h5", {"features": FEATURES, "coords": COORDS, "edge_index_k8": edges}
    )
    assert len(read_features(file)) == 6


def test_folders_are_searched_as_the_tools_leave_them(tmp_path: Path) -> None:
    trident = write_trident(tmp_path / "job", "x")
    write_datasets(trident.parent.parent / "slide_features_titan" / "x.h5", {"features": [1.0]})
    for folder in (tmp_path / "job", trident.parent.parent, trident.parent):
        assert FeatureFolder(folder).file("x") == trident
        assert FeatureFolder(folder).file("x.ome") == trident  # of x.ome.tif
        assert feature_files(folder) == [trident]
    assert (
        FeatureFolder(tmp_path / "job").file("y") == trident.parent / "y.h5"
    )  # where it is missing

    clam = write_clam(tmp_path / "clam")
    assert FeatureFolder(tmp_path / "clam").file("a") == clam
    assert feature_files(tmp_path / "clam" / "pt_files")[0].name == "a.pt"
    stamp = write_stamp(tmp_path / "stamp")
    assert FeatureFolder(tmp_path / "stamp").file("a") == stamp

    other = write_trident(tmp_path / "job", "x", encoder="conch_v15")
    with pytest.raises(
        FeatureError, match=r"in 2 folders: .*features_conch_v15, .*features_uni_v2"
    ):
        FeatureFolder(tmp_path / "job").file("x")
    assert FeatureFolder(other.parent).file("x") == other
    (tmp_path / "empty").mkdir()
    for folder in ("empty", "none"):
        assert FeatureFolder(tmp_path / folder).file("x") == tmp_path / folder / "x.h5"
        with pytest.raises(FeatureError, match="holds no feature files"):
            feature_files(tmp_path / folder)


def test_stamps_folders_are_searched_to_their_ends(tmp_path: Path) -> None:
    flat = write_stamp(tmp_path / "stamp", "a")
    nested = []
    for number in range(7):  # as the GDC's slides lie, each in a folder of its own
        nested.append(flat.parent / f"uuid-{number}" / f"s{number}.h5")
        nested[-1].parent.mkdir()
        nested[-1].write_bytes(flat.read_bytes())
    for only_nested in (False, True):
        for folder in (tmp_path / "stamp", flat.parent):
            assert FeatureFolder(folder).file("s6") == nested[6]
            assert feature_files(folder) == sorted([*nested, *([] if only_nested else [flat])])
        flat.unlink(missing_ok=True)
    assert FeatureFolder(nested[2].parent).file("s2") == nested[2]
    (nested[2].parent / "s6.h5").write_bytes(nested[6].read_bytes())
    with pytest.raises(FeatureError, match=r"features of s6 2 times: .*uuid-2.s6\.h5, .*uuid-6"):
        FeatureFolder(tmp_path / "stamp").file("s6")

    flat.parent.rename(tmp_path / "stamp" / "renamed")  # no extractor's any more
    with pytest.raises(FeatureError, match=r"in 7 folders: (\S+, ){5}…"):
        feature_files(tmp_path / "stamp")


def test_a_folder_is_itself_under_all_its_names(tmp_path: Path) -> None:
    file = write_trident(tmp_path / "job", "x")
    cut = file.parent.parent
    write_datasets(cut / "seg_hovernet" / "x.h5", {"cells": [1.0]})  # segmented cells
    (tmp_path / "job" / "latest").symlink_to(cut)
    assert FeatureFolder(tmp_path / "job").file("x").samefile(file)
    upper = file.rename(file.with_name("x.H5"))
    assert feature_files(cut) == [upper] and FeatureFolder(cut).file("x") == upper
    upper.with_suffix(".pt").touch()
    assert feature_files(cut) == [upper] and FeatureFolder(cut).file("x") == upper


def test_a_cohort_row_may_name_a_folder(tmp_path: Path) -> None:
    file = write_trident(tmp_path / "job", "x")
    table = tmp_path / "cohort.csv"
    table.write_text("case_id,slide,features\nc1,slides/x.svs,job\n")
    assert read_cohort(table).cases[0].slides[0].features == file

    table.write_text("case_id,features\nc1,job\n")
    with pytest.raises(CohortError, match="line 2: features names the folder job, and the row"):
        read_cohort(table)
    write_trident(tmp_path / "job", "x", encoder="conch_v15")
    table.write_text("case_id,slide,features\nc1,slides/x.svs,job\n")
    with pytest.raises(CohortError, match=r"line 2: .* holds features in 2 folders"):
        read_cohort(table)
