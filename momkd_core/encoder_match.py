"""Whether features, or the encoder at hand, are of the encoder that a model was trained on."""

from __future__ import annotations

import logging

from momkd_core.encoder_names import encoder_name
from momkd_core.encoders import encoder_identity
from momkd_core.errors import EncoderError, FeatureError
from momkd_core.features import FeatureBag
from momkd_core.model_card import ModelCard

log = logging.getLogger(__name__)


def check_encoder(card: ModelCard) -> None:
    """Refuses to encode a slide for a model with an encoder that is not the model's, before it is read.

    Raises:
        EncoderError: it is not at hand, has other weights, or prepares patches differently.
    """
    assert card.extraction is not None
    name = card.extraction.encoder
    found = encoder_identity(name)
    if card.encoder_sha256 and card.encoder_sha256 != found.weights_sha256:
        raise EncoderError(
            f"The model was trained on other weights of {name} (SHA-256 {card.encoder_sha256[:12]}…) "
            f"than are at hand ({found.weights_sha256[:12]}…)",
            "Register the right ones with momkd encoders --add, or give features (.h5) made with them",
        )
    if card.encoder_preprocessing and card.encoder_preprocessing != found.preprocessing:
        raise EncoderError(
            f"The model was trained on patches {card.encoder_preprocessing}; {name} at hand takes "
            f"them {found.preprocessing}",
            "Use the version of timm, or the JSON file, that its features were made with",
        )


def check_bag(bag: FeatureBag, card: ModelCard, name: str, *, inside: bool = False) -> None:
    """Refuses features that another encoder made; warns of those that do not say and have its width.

    Also warns of patches that were kept of other parts of a slide than those of training.

    Args:
        inside: a part of the slide was asked for.

    Raises:
        FeatureError: another encoder, other weights, other preprocessing, width or resolution.
    """
    cure = f"Extract the slide with the model's encoder: momkd extract … --encoder {card.encoder}"
    told = (bag.encoder, card.encoder)
    if all(told) and len({encoder_name(str(name)) for name in told}) > 1:
        raise FeatureError(
            f"{name} holds features of {bag.encoder}, but the model was trained on {card.encoder}",
            cure,
        )
    if bag.width != card.model.feature_width:
        raise FeatureError(
            f"{name} holds features {bag.width} wide, but the model needs "
            f"{card.model.feature_width} ({card.encoder or 'encoder unknown'})",
            cure,
        )
    hashes = (bag.encoder_sha256, card.encoder_sha256)
    if all(hashes) and hashes[0] != hashes[1]:
        raise FeatureError(
            f"{name} was encoded with other weights of {card.encoder} than the model's", cure
        )
    prepared = (bag.encoder_preprocessing, card.encoder_preprocessing)
    if all(prepared) and prepared[0] != prepared[1]:
        raise FeatureError(
            f"{name} has patches {prepared[0]}; the model was trained on {prepared[1]}", cure
        )
    if card.encoder and not bag.encoder:
        log.warning(
            "%s does not say which encoder made it; taken for %s, whose width it has",
            name,
            card.encoder,
        )
    if not inside:
        _warn_of_other_parts(bag, card, name)
    _check_cut(bag, card, name)


def _warn_of_other_parts(bag: FeatureBag, card: ModelCard, name: str) -> None:
    if card.cut_from and card.cut_from != bag.cut_from:
        log.warning(
            "%s: patches of %s, but the model was trained on patches of %s",
            name,
            bag.cut_from,
            card.cut_from,
        )


def _check_cut(bag: FeatureBag, card: ModelCard, name: str) -> None:
    """Raises FeatureError where patches are of another size or resolution."""
    trained = card.extraction
    if trained is None:
        return
    if bag.patch_size is not None and bag.patch_size != trained.patch_size:
        raise FeatureError(
            f"{name} has patches of {bag.patch_size} px, the model was trained on "
            f"{trained.patch_size} px",
            f"Extract it again with --patch-size {trained.patch_size}",
        )
    if bag.target_mpp is None:
        return
    if abs(bag.target_mpp / trained.target_mpp - 1) > 0.05:
        raise FeatureError(
            f"{name} has patches at {bag.target_mpp:g} µm/px, the model was trained at "
            f"{trained.target_mpp:g}",
            f"Extract it again with --target-mpp {trained.target_mpp:g}",
        )
