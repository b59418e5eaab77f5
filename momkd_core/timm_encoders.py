"""Encoders whose architecture timm (pytorch-image-models) has: UNI2-h, and any other by name.

timm is an extra and is imported only here. Weights are a file that the user has: a torch state dict,
read with ``weights_only=True``, or safetensors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from momkd_core.encoder_names import TIMM_PREFIX, UNI2
from momkd_core.encoder_weights import missing_package, weights_file
from momkd_core.errors import EncoderError
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder, Precision
from momkd_core.patch_preprocessing import Normalised, Preprocessing
from momkd_core.storage import sha256_of_file

_UNI2_REPOSITORY = "MahmoodLab/UNI2-h"


@dataclass(frozen=True)
class Recipe:
    """How to make an encoder of timm's parts, but for its weights.

    Attributes:
        width: values in a feature vector, where known without building it.
        how_to_get: the weights, in words.
        build: the network with random weights, without a classifier. Raises EncoderError.
        preprocessing: of that network.
        repository: gives its repository on the Hugging Face hub, or None.
        files: of the weights there.
    """

    name: str
    licence: str
    note: str
    width: int | None
    how_to_get: str
    build: Callable[[], nn.Module]
    preprocessing: Callable[[nn.Module], Preprocessing]
    repository: Callable[[], str | None]
    files: tuple[str, ...]


def timm_recipe(name: str) -> Recipe | None:
    """Of ``uni2-h`` or ``timm:NAME``; None for any other name."""
    if name == UNI2:
        return _UNI2_RECIPE
    if not name.startswith(TIMM_PREFIX):
        return None
    model = name.removeprefix(TIMM_PREFIX)
    return Recipe(
        name=name,
        licence="that of its weights: see their model card",
        note=f"timm's {model}, prepared as timm's data configuration says",
        width=None,
        how_to_get="take your own file, or hub for timm's",
        build=lambda: _created(model),
        preprocessing=_data_configuration,
        repository=lambda: _created(model).pretrained_cfg.get("hf_hub_id"),  # type: ignore[union-attr, operator]
        files=("model.safetensors", "pytorch_model.bin"),
    )


def timm_entry(recipe: Recipe, where: str) -> EncoderEntry:
    """An encoder with weights: a path, ``hub`` or ``hub:OWNER/REPO``.

    Raises:
        EncoderError: the weights are not to be had; its ``load`` also where they do not fit.
    """
    needs_repository = where == "hub"
    path = weights_file(where, recipe.repository() if needs_repository else None, recipe.files)

    def load(device: str, precision: Precision) -> PatchEncoder:
        return _load(recipe, path, device, precision)

    return EncoderEntry(
        name=recipe.name,
        licence=recipe.licence,
        note=recipe.note,
        identity=lambda: load("cpu", "float32").identity,
        load=load,
        place=str(path),
    )


def _load(recipe: Recipe, path: Path, device: str, precision: Precision) -> PatchEncoder:
    network = recipe.build()
    _take_weights(network, path, recipe.name)
    preprocessing = recipe.preprocessing(network)
    identity = EncoderIdentity(
        name=recipe.name,
        width=int(network.num_features),  # type: ignore[arg-type]
        weights_sha256=sha256_of_file(path),
        preprocessing=str(preprocessing),
        licence=recipe.licence,
        note=recipe.note,
    )
    return PatchEncoder(
        identity,
        Normalised(network, preprocessing.mean, preprocessing.deviation),
        device=device,
        precision=precision,
        preprocessing=preprocessing,
        autocast=True,
    )


def _take_weights(network: nn.Module, path: Path, name: str) -> None:
    from timm.models import load_state_dict

    try:
        state = load_state_dict(str(path), weights_only=True)
    # What damaged or foreign files raise differs by format and version; none of it may pass.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"{path} cannot be read as weights ({reason})",
            "Name a torch state dict (.bin, .pt, .pth) or a .safetensors file",
        ) from error
    classifier = network.pretrained_cfg.get("classifier")  # type: ignore[union-attr, operator]
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier or ())
    state = {k: v for k, v in state.items() if not k.startswith(tuple(f"{h}." for h in heads))}
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        first = next((line.strip() for line in str(error).splitlines()[1:]), str(error))
        raise EncoderError(
            f"{path.name} holds weights of another network than {name}: {first[:160]}",
            "Name the weights that belong to it",
        ) from error
    network.float()


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise missing_package("timm", "uni") from error
    return timm


def _created(model: str, **arguments: Any) -> nn.Module:
    timm = _timm()
    if ":" in model or "/" in model:
        raise EncoderError(
            f"{TIMM_PREFIX}{model} would be looked up on the Hugging Face hub",
            "Name timm's own architecture, and the repository as --weights hub:OWNER/REPO",
        )
    try:
        network = timm.create_model(model, pretrained=False, num_classes=0, **arguments)
    except RuntimeError as error:
        raise EncoderError(
            f"timm {timm.__version__} has no model {model!r}",
            "See timm.list_models() for the names, or update timm",
        ) from error
    assert isinstance(network, nn.Module)
    return network


def _data_configuration(network: nn.Module) -> Preprocessing:
    """Preprocessing as timm's own data configuration of a model states it."""
    from timm.data import resolve_data_config

    stated = resolve_data_config(pretrained_cfg=network.pretrained_cfg, model=network)
    channels, height, width = stated["input_size"]
    if (channels, height) != (3, width) or stated["interpolation"] not in ("bilinear", "bicubic"):
        raise EncoderError(
            f"This model takes {stated['interpolation']} pictures of {stated['input_size']}",
            "Choose one of square RGB pictures, bilinear or bicubic",
        )
    return Preprocessing(
        size=height,
        mean=stated["mean"],
        deviation=stated["std"],
        interpolation=stated["interpolation"],
        crop=stated["crop_pct"],
    )


def _uni2() -> nn.Module:
    # As the model card of MahmoodLab/UNI2-h states it: ViT-H/14 with eight registers, 1536 features.
    layers = _timm().layers
    return _created(
        "vit_giant_patch14_224",
        img_size=224,
        patch_size=14,
        depth=24,
        num_heads=24,
        init_values=1e-5,
        embed_dim=1536,
        mlp_ratio=2.66667 * 2,
        no_embed_class=True,
        mlp_layer=layers.SwiGLUPacked,
        act_layer=nn.SiLU,
        reg_tokens=8,
        dynamic_img_size=True,
    )


_UNI2_RECIPE = Recipe(
    name=UNI2,
    licence="CC-BY-NC-ND-4.0, gated",
    note="ViT-H/14 of Mahmood Lab, trained on histology; non-commercial research only, no derivatives; "
    "its terms count models trained on its features as derivatives",
    width=1536,
    how_to_get=f"request access at https://huggingface.co/{_UNI2_REPOSITORY}",
    build=_uni2,
    # The card's transform for a local file: Resize(224), ImageNet mean and deviation.
    preprocessing=lambda network: Preprocessing(224),
    repository=lambda: _UNI2_REPOSITORY,
    files=("pytorch_model.bin",),
)
