"""What a large run costs: 1,000 slides as of TCGA with UNI2-h, by arithmetic that can be checked.

Nothing here is measured but two rates of this machine, which are handed in: how fast it multiplies
matrices of that network, and how fast it reads patches.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

#: Slides and patches (256 px at 20x) of five TCGA cohorts, BRCA among them: Chen et al., "Multimodal
#: Co-Attention Transformer", ICCV 2021, abstract (https://doi.org/10.1109/ICCV48922.2021.00398).
SOURCE_SLIDES, SOURCE_PATCHES = 4_730, 67_000_000
SLIDES = 1_000

# UNI2-h as its model card states it (https://huggingface.co/MahmoodLab/UNI2-h): ViT-H/14 at 224 px.
LAYERS, WIDTH, SIDE, PATCH, REGISTERS = 24, 1_536, 224, 14, 8
# SwiGLU, packed: one product into 8,192, one out of half of that.
HIDDEN_IN, HIDDEN_OUT = 8_192, 4_096

#: NVIDIA A100, bfloat16, dense: https://www.nvidia.com/content/dam/en-zz/Solutions/Data-Center/a100/
#: pdf/nvidia-a100-datasheet-us-nvidia-1758950-r4-web.pdf
GPU, GPU_PEAK = "NVIDIA A100", 312e12
#: Assumed, not measured: what a ViT reaches of a GPU's peak.
UTILISATION = 0.4
CLUSTER_GPUS = 8

_MEASURING_S = 0.5


@dataclass(frozen=True)
class LargeRunCost:
    """A run's cost, with all that it was calculated from.

    Attributes:
        patches: of all slides; ``patches_a_slide`` of each.
        tokens: of a patch in the network.
        multiply_adds: a patch; each is two operations.
        parameters: of the network's matrices.
        machine_rate: operations a second of this machine in such products, measured.
        reading_rate: patches a second that this machine reads, measured, of the user's own slides and
            patch size; None where it was not.
        machine_seconds: at least: a network does not reach the rate of its products.
        gpu_rate: patches a second of one GPU.
        gpu_seconds, cluster_seconds: where reading keeps up.
        readers: machines like this one that it takes to keep one GPU busy; None where unknown.
        feature_bytes: of all feature files.
    """

    patches_a_slide: int
    patches: int
    tokens: int
    multiply_adds: int
    parameters: int
    machine_rate: float
    reading_rate: float | None
    machine_seconds: float
    gpu_rate: float
    gpu_seconds: float
    cluster_seconds: float
    readers: float | None
    feature_bytes: float


def large_run_cost(device: str, *, reading_rate: float | None, value_bytes: float) -> LargeRunCost:
    """Calculates it.

    Args:
        device: of this machine, whose rate is measured.
        reading_rate: see :class:`LargeRunCost`.
        value_bytes: of a value in a feature file.
    """
    each = round(SOURCE_PATCHES / SOURCE_SLIDES)
    patches = SLIDES * each
    operations = 2 * multiply_adds()
    rate = product_rate(device)
    gpu_rate = GPU_PEAK * UTILISATION / operations
    gpu_seconds = patches / gpu_rate
    return LargeRunCost(
        patches_a_slide=each,
        patches=patches,
        tokens=tokens(),
        multiply_adds=multiply_adds(),
        parameters=parameters(),
        machine_rate=rate,
        reading_rate=reading_rate,
        machine_seconds=patches * operations / rate,
        gpu_rate=gpu_rate,
        gpu_seconds=gpu_seconds,
        cluster_seconds=gpu_seconds / CLUSTER_GPUS,
        readers=None if reading_rate is None else gpu_rate / reading_rate,
        feature_bytes=patches * WIDTH * value_bytes,
    )


def tokens() -> int:
    """Of a patch: its squares, the class token, the registers."""
    return (SIDE // PATCH) ** 2 + 1 + REGISTERS


def parameters() -> int:
    """Of all matrices: queries, keys, values and projection, then the two products of the MLP."""
    layer = 4 * WIDTH * WIDTH + WIDTH * HIDDEN_IN + HIDDEN_OUT * WIDTH
    return LAYERS * layer + 3 * PATCH * PATCH * WIDTH


def multiply_adds() -> int:
    """Of a patch: each token meets each matrix once, and in every layer all tokens twice."""
    squares = (SIDE // PATCH) ** 2
    embedding = 3 * PATCH * PATCH * WIDTH
    matrices = tokens() * (parameters() - embedding) + squares * embedding
    return matrices + LAYERS * 2 * tokens() ** 2 * WIDTH


def product_rate(device: str) -> float:
    """Operations a second in the network's largest product: bfloat16 on CUDA, else float32."""
    kind = torch.bfloat16 if device.startswith("cuda") else torch.float32
    batch = 2 if device == "cpu" else 64
    one = torch.ones(batch * tokens(), WIDTH, dtype=kind, device=device)
    other = torch.ones(WIDTH, HIDDEN_IN, dtype=kind, device=device)
    (one @ other).sum().item()  # the first one loads libraries
    start, seconds, done = time.perf_counter(), 0.0, 0
    while seconds < _MEASURING_S:
        (one @ other)[0, 0].item()  # which waits for a GPU
        done += 1
        seconds = time.perf_counter() - start
    return done * 2.0 * len(one) * WIDTH * HIDDEN_IN / seconds
