"""Small H&E-like slides and cohorts for tests, drawn here so that no data is needed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

#: Options of ``momkd train`` for a run of seconds on :func:`write_cohort`.
TRAINING = (
    "--label grade --positive high --folds 3 --epochs 3 --set components=4 --set hidden_width=32 "
    "--set memory_width=16 --set top_genes=16 --set learning_rate=0.002"
).split()

#: The same for :func:`write_feature_cohort`, with the smallest network.
TINY = (
    "--label grade --positive high --folds 3 --set components=2 --set hidden_width=8 "
    "--set memory_width=4 --set learning_rate=0.002"
).split()

GLASS = (242, 241, 243)
EOSIN = (222, 150, 186)
NUCLEUS = (84, 56, 128)


def tissue_image(
    width: int, height: int, *, seed: int = 0, nuclei: float = 0.12, margin: float = 0.12
) -> NDArray[np.uint8]:
    """Glass with an ellipse of textured tissue; ``nuclei`` is the density of dark nuclei."""
    random = np.random.default_rng(seed)
    image = np.empty((height, width, 3), np.float32)
    image[:] = GLASS
    y, x = np.mgrid[0:height, 0:width]
    a, b = width * (0.5 - margin), height * (0.5 - margin)
    inside = ((x - width / 2) / a) ** 2 + ((y - height / 2) / b) ** 2 < 1
    image[inside] = EOSIN
    image[inside] += random.normal(0, 9, (int(inside.sum()), 1))
    count = int(nuclei * width * height / 60)
    radius = 4
    offsets = [
        (dy, dx)
        for dy in range(-radius, radius + 1)
        for dx in range(-radius, radius + 1)
        if dx * dx + dy * dy <= radius * radius
    ]
    ys, xs = random.integers(0, height, count), random.integers(0, width, count)
    for dy, dx in offsets:
        py, px = np.clip(ys + dy, 0, height - 1), np.clip(xs + dx, 0, width - 1)
        keep = inside[py, px]
        image[py[keep], px[keep]] = NUCLEUS
    image += random.normal(0, 2, image.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def muscle_image(width: int, height: int) -> NDArray[np.uint8]:
    """Brown stripes on glass: neither the tissue nor the stain of :func:`tissue_image`."""
    image = tissue_image(width, height, seed=3)
    inside = image.astype(int).sum(axis=2) < 690
    y, x = np.mgrid[0:height, 0:width]
    image[inside] = (225, 190, 140)
    image[inside & ((x + y) // 20 % 2 == 0)] = (120, 70, 30)
    return image


def write_slide(
    path: Path,
    image: NDArray[np.uint8],
    *,
    mpp: float | None = 0.5,
    levels: int = 3,
    compression: str = "zlib",
) -> Path:
    """Writes a pyramidal tiled TIFF that OpenSlide opens; ``mpp`` None leaves it unknown."""
    resolution = (
        {}
        if mpp is None
        else {
            "resolution": (1e4 / mpp, 1e4 / mpp),
            "resolutionunit": "CENTIMETER",
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tifffile.TiffWriter(path) as file:
        for level in range(levels):
            step = 2**level
            file.write(
                np.ascontiguousarray(image[::step, ::step]),
                tile=(256, 256),
                photometric="rgb",
                compression=compression,
                subfiletype=1 if level else 0,
                metadata=None,
                **(
                    {
                        key: (tuple(v / step for v in value) if key == "resolution" else value)
                        for key, value in resolution.items()
                    }
                ),
            )
    return path


def damage_tile(path: Path, column: int, row: int) -> Path:
    """Overwrites one tile (256 px a side) of level 0 with zeros: reading it fails."""
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        index = row * -(-page.imagewidth // 256) + column
        offset, length = page.dataoffsets[index], page.databytecounts[index]
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(bytes(length))
    return path


def write_feature_cohort(
    folder: Path, *, cases: int = 18, patches: int = 20, width: int = 8, slides: int = 1
) -> Path:
    """A cohort of feature files alone, with expression; every third patient has two cases."""
    from momkd_core.features import FeatureBag, write_features

    random = np.random.default_rng(3)
    side = int(np.ceil(np.sqrt(patches)))
    grid = np.stack(np.divmod(np.arange(patches), side), axis=1).astype(np.int64) * 256
    rows, expression = ["case_id,patient_id,features,grade,site"], ["case_id,A,B,C,D"]
    for case in range(cases):
        positive = case % 2 == 0
        name, patient = f"c{case:02d}", f"p{case - (case % 3 == 1):02d}"
        for slide in range(slides):
            features = random.normal(0.5 * positive, 1, (patches, width)).astype(np.float32)
            path = folder / f"{name}_{slide}.h5"
            write_features(path, FeatureBag(features, grid, size_level0=256))
            grade = "high" if positive else "low"
            rows.append(f"{name},{patient},{path.name},{grade},s{case % 3}")
        values = random.poisson([80 if positive else 30, 50, 50, 50])
        expression.append(",".join([name, *(str(v) for v in values)]))
    (folder / "expression.csv").write_text("\n".join(expression))
    (folder / "cohort.csv").write_text("\n".join(rows))
    return folder / "cohort.csv"


def write_cohort(folder: Path, *, cases: int = 12, side: int = 640) -> Path:
    """A cohort whose positive cases have many nuclei, with expression that knows the label."""
    random = np.random.default_rng(7)
    genes = [f"GENE{i}" for i in range(40)]
    rows, expression = [], []
    for case in range(cases):
        positive = case % 2 == 0
        name = f"case_{case:02d}"
        image = tissue_image(side, side, seed=case, nuclei=0.5 if positive else 0.08)
        write_slide(folder / "slides" / f"{name}.tif", image)
        rows.append(
            [
                name,
                f"patient_{case:02d}",
                f"slides/{name}.tif",
                "high" if positive else "low",
                f"site_{case % 3}",
            ]
        )
        rate = np.full(len(genes), 50.0)
        rate[:5] = 200.0 if positive else 20.0
        expression.append([name, *random.poisson(rate)])
    with (folder / "cohort.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", "patient_id", "slide", "grade", "site"])
        writer.writerows(rows)
    with (folder / "expression.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case_id", *genes])
        writer.writerows(expression)
    return folder / "cohort.csv"
