"""Patches per second of the bundled encoder, against the plain network in the same run.

    python tests/benchmarks/encoder_speed.py [--slide SLIDE] [--patches 64] [--rounds 7]

Baseline: the published network as it is (batch normalisation as layers, contiguous memory, eager
mode), at its best batch size among 1, 2, 4, … 64, in a process of its own, where the allocator is as
any script would find it. Contenders are timed in turn, round by round, so
that a machine whose speed drifts drifts for all of them; medians over rounds are printed. With
--slide, the extraction of that slide is compared with its encoder's own time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import torch

from momkd_core.bundled_encoder import weights_file
from momkd_core.efficientnet_lite import EfficientNetLite0
from momkd_core.encoders import load_encoder
from momkd_core.extraction import SlideJob, extract_file
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.patch_reading import read_patches
from momkd_core.processor import compiler_found
from momkd_core.settings import ExtractionSettings
from momkd_core.slide import Slide
from momkd_core.slide_encoding import plan

MEAN = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)


def plain_encoder() -> Callable[[np.ndarray, int], np.ndarray]:
    network = EfficientNetLite0().eval()
    weights = torch.load(weights_file(), weights_only=True)
    network.load_state_dict({k: v for k, v in weights.items() if not k.startswith("_fc.")})

    def encode(patches: np.ndarray, batch: int) -> np.ndarray:
        features = []
        with torch.inference_mode():
            for start in range(0, len(patches), batch):
                x = torch.from_numpy(patches[start : start + batch]).permute(0, 3, 1, 2)
                features.append(network((x.contiguous() / 255.0 - MEAN) / DEVIATION).numpy())
        return np.concatenate(features)

    return encode


class PlainProcess:
    """The plain network in another process, timed there on request."""

    def __init__(self, patches: np.ndarray) -> None:
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve_plain, args=(there, patches), daemon=True)
        self._process.start()

    def seconds(self, batch: int) -> float:
        self._here.send(batch)
        return float(self._here.recv())

    def close(self) -> None:
        self._here.send(0)
        self._process.join()


def _serve_plain(connection: Connection, patches: np.ndarray) -> None:
    encode = plain_encoder()
    while batch := connection.recv():
        connection.send(seconds(lambda batch=batch: encode(patches, batch)))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def patches_for(slide: Path | None, count: int) -> np.ndarray:
    if slide is None:
        return np.random.default_rng(0).integers(0, 256, (count, 256, 256, 3), dtype=np.uint8)
    with Slide(slide) as opened:
        grid = plan(opened, ExtractionSettings())
        blocks = []
        for block in read_patches(opened, grid, 256, 2):
            blocks.append(block)
            if sum(map(len, blocks)) >= count:
                break
    return np.concatenate(blocks)[:count]


def encoder_stage(patches: np.ndarray, rounds: int) -> PatchEncoder:
    plain = PlainProcess(patches)
    contenders: dict[str, Callable[[], float]] = {
        f"plain eager, batch {batch}": lambda batch=batch: plain.seconds(batch)
        for batch in (1, 2, 4, 8, 16, 32, 64)
    }
    folded = load_encoder(device="cpu")
    contenders["folded, channels last"] = lambda: seconds(lambda: folded.encode(patches))
    best = folded
    ours = ["folded, channels last"]
    encoders = {"folded, channels last": folded}
    if compiler_found():
        for precision, name in (("float32", "compiled"), ("bfloat16", "compiled, bfloat16")):
            encoder = load_encoder(device="cpu", precision=precision)
            encoder.compile(256)
            contenders[name] = lambda encoder=encoder: seconds(lambda: encoder.encode(patches))
            encoders[name] = encoder
            ours.append(name)
        best = encoders["compiled"]
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(rounds + 1):
        for name, work in contenders.items():
            taken = work()
            if round_:  # the first round warms up
                times[name].append(taken)
    rates = {name: len(patches) / statistics.median(values) for name, values in times.items()}
    baseline = max((n for n in rates if n.startswith("plain")), key=lambda n: rates[n])
    print(f"{torch.get_num_threads()} threads, {len(patches)} patches of 256 px, {rounds} rounds")
    for name, rate in rates.items():
        mark = "  <- baseline" if name == baseline else f"  {rate / rates[baseline]:.2f} x baseline"
        print(f"{name:<26} {rate:7.1f} patches/s{mark}")
    plain.close()
    truth = plain_encoder()(patches, 1)
    for name in ours:
        found = encoders[name].encode(patches)
        norms = np.linalg.norm(found, axis=1) * np.linalg.norm(truth, axis=1)
        cosine = (found * truth).sum(axis=1) / norms
        print(
            f"{name:<26} largest difference from plain {np.abs(found - truth).max():.1e}, "
            f"smallest cosine {cosine.min():.6f}"
        )
    return best


def whole_slide(path: Path, encoder: PatchEncoder, rounds: int) -> None:
    """Extraction with reading, masking and writing, against the encoder alone, round by round."""
    settings = ExtractionSettings()
    ratios, totals, alone = [], [], []
    with Slide(path) as slide:
        grid = plan(slide, settings)
        patches = np.concatenate(list(read_patches(slide, grid, 256, 2)))
    with tempfile.TemporaryDirectory() as folder:
        for round_ in range(rounds):
            job = SlideJob(path, None, Path(folder) / f"{round_}.h5")
            alone.append(seconds(lambda: encoder.encode(patches)))
            totals.append(seconds(lambda job=job: extract_file(job, encoder, settings)))
            ratios.append(totals[-1] / alone[-1])
    print(
        f"whole slide, {len(patches)} patches: extraction {statistics.median(totals):.2f} s, its "
        f"encoder alone {statistics.median(alone):.2f} s, ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slide", type=Path)
    parser.add_argument("--patches", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    encoder = encoder_stage(patches_for(options.slide, options.patches), options.rounds)
    if options.slide is not None:
        whole_slide(options.slide, encoder, options.rounds)


if __name__ == "__main__":
    main()
