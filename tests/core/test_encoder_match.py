"""Features and encoders that are not the model's are refused, with the cure."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from momkd_core.encoder_match import check_bag, check_encoder
from momkd_core.errors import EncoderError, FeatureError
from momkd_core.features import FeatureBag
from momkd_core.model_card import ModelCard
from momkd_core.settings import ExtractionSettings, ModelSettings

HASH, PREPARED = "a" * 64, "resized to 224 px"


def card(encoder: str = "uni2-h", **changed: Any) -> ModelCard:
    values = {
        "encoder_sha256": HASH,
        "encoder_preprocessing": PREPARED,
        "extraction": ExtractionSettings(encoder=encoder),
    }
    return ModelCard(
        task="her2",
        positive="positive",
        negative="negative",
        encoder=encoder,
        model=ModelSettings(feature_width=6),
        **(values | changed),
    )


def bag(**stated: Any) -> FeatureBag:
    return FeatureBag(np.zeros((2, 6), np.float32), np.zeros((2, 2), np.int64), 512, **stated)


def test_the_models_own_features_pass_under_either_name() -> None:
    check_bag(
        bag(encoder="uni2-h", encoder_sha256=HASH, encoder_preprocessing=PREPARED), card(), "s"
    )
    check_bag(bag(encoder="uni_v2"), card(), "s")


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"encoder": "conch_v1"}, "features of conch_v1, but the model was trained on uni2-h"),
        ({"encoder_sha256": "b" * 64}, "other weights of uni2-h"),
        ({"encoder_preprocessing": "as they are"}, "patches as they are; the model was trained on"),
    ],
)
def test_others_are_refused(stated: dict[str, str], said: str) -> None:
    with pytest.raises(FeatureError, match=f"{said}.*--encoder uni2-h"):
        check_bag(bag(**stated), card(), "slide")


def test_patches_of_other_parts_of_a_slide_are_said(caplog: pytest.LogCaptureFixture) -> None:
    tumour = card(cut_from="areas of class 'Tumour'")
    inside = {"regions": "Tumour", "regions_sha256": HASH, "regions_class": "Tumour"}
    check_bag(bag(attributes=inside), tumour, "s")
    check_bag(bag(), tumour, "s", inside=True)
    check_bag(bag(), card(), "s")  # of a file that does not say
    check_bag(bag(encoder="uni2-h"), tumour, "s")
    assert [said for said in caplog.messages if "patches of" in said] == [
        "s: patches of whole slides, but the model was trained on patches of areas of class 'Tumour'"
    ]


def test_features_that_do_not_say_are_accepted_by_width(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_bag(bag(), card(), "slide")
    assert "slide does not say which encoder made it; taken for uni2-h" in caplog.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, r"other weights of efficientnet-lite0 \(SHA-256 aaaaaaaaaaaa…\).*--add"),
        ({"encoder_sha256": None}, "trained on patches resized to 224 px"),
    ],
)
def test_the_encoder_at_hand_is_compared_before_a_slide_is_read(
    changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(EncoderError, match=said):
        check_encoder(card("efficientnet-lite0", **changed))
