"""The gradient audit of a fold, on a training slide of either label, kept in the fold's folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch

from momkd_core.checkpoint import load_model
from momkd_core.export import write_json
from momkd_core.gradient_audit import GradientAudit, audit_gradients
from momkd_core.model.network import MoMKD
from momkd_core.settings import TrainingSettings
from momkd_core.training_data import fit_expression, slides_of
from momkd_core.training_request import Prepared, TrainingRequest
from momkd_core.training_slides import SlideStore, TrainingSlide

OnAudit = Callable[[GradientAudit], None]
FILE = "gradient_audit.json"


def audit_fold(
    network: MoMKD,
    train: list[TrainingSlide],
    store: SlideStore,
    training: TrainingSettings,
    folder: Path,
    on_audit: OnAudit,
) -> None:
    """Audits a network, tells ``on_audit``, and writes ``gradient_audit.json`` into the folder."""
    device = network.log_temperature.device
    found = []
    for label in (1, 0):
        slides = [slide for slide in train if slide.label == label]
        # One with expression where there is one.
        slide = min(slides, key=lambda slide: slide.expression is None)
        expression = slide.expression
        graph = store[slide.features]
        found.append(
            audit_gradients(
                network,
                *graph.on(device),
                label,
                None if expression is None else torch.from_numpy(expression).to(device),
                training,
                graph.weights_on(device),
            )
        )
    write_json(folder / FILE, [asdict(one) for one in found])
    for one in found:
        on_audit(one)


def audit_finished(
    request: TrainingRequest, prepared: Prepared, fold: int, folder: Path, on_audit: OnAudit
) -> None:
    """Audits a fold that is trained already, by the network of its model file.

    Raises:
        ModelFileError: the file cannot be read.
    """
    cases = list(prepared.splits[fold].train)
    train = slides_of(request, prepared, cases, fit_expression(request, prepared, cases))
    network = load_model(folder / "model.safetensors").members[0].momkd
    network.memory.requires_grad_(request.training.memory == "momentum")
    audit_fold(network, train, prepared.store, request.training, folder, on_audit)
