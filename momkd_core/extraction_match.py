"""Whether features that are there already were made as they are asked for."""

from __future__ import annotations

from momkd_core.errors import FeatureError
from momkd_core.features import FeatureBag, StoredType
from momkd_core.patch_encoder import PatchEncoder
from momkd_core.region import Region
from momkd_core.settings import ExtractionSettings
from momkd_core.slide_regions import region_key


def check_made(
    made: FeatureBag,
    name: str,
    encoder: PatchEncoder,
    settings: ExtractionSettings,
    dtype: StoredType,
    mpp: float | None,
    region: Region | None,
) -> None:
    """Refuses to take features made in another way for the ones that were asked for.

    Args:
        made: header of the file.
        dtype: how features are stored.
        mpp: stated resolution of the slide.

    Raises:
        FeatureError: says what is different.
    """
    identity, attributes = encoder.identity, made.attributes
    compared = {
        "encoder": (made.encoder, identity.name),
        "encoder weights": (made.encoder_sha256, identity.weights_sha256),
        "target mpp": (made.target_mpp, settings.target_mpp),
        "patch size": (made.patch_size, settings.patch_size),
        "overlap": (made.overlap, settings.overlap),
        "min tissue": (attributes.get("min_tissue"), settings.min_tissue),
        "precision": (attributes.get("precision"), encoder.precision),
        "features stored as": (made.stored.dtype.name, dtype),
    }
    if made.encoder_preprocessing is not None:
        stated = (made.encoder_preprocessing, identity.preprocessing)
        compared["patches prepared as:"] = stated
    if mpp is not None:
        compared["slide mpp"] = (attributes.get("slide_mpp"), mpp)
    different = [
        f"{what} {found}, not {wanted}"
        for what, (found, wanted) in compared.items()
        if found != wanted
    ]
    different += _other_regions(attributes.get("regions_sha256"), region)
    if (
        region is not None
        and not different
        and attributes.get("regions_class") != region.class_name
    ):
        # Of the same places; but a cohort's slides are told apart by the class (``cut_from``).
        different.append(
            f"regions of class {attributes.get('regions_class')}, not {region.class_name}"
        )
    if different:
        raise FeatureError(
            f"{name} exists and was made with {different[0]}",
            "Choose another --out folder, or pass --overwrite",
        )


def _other_regions(found: str | None, region: Region | None) -> list[str]:
    wanted = None if region is None else region_key(region)
    if found == wanted:
        return []
    if found is None:
        return ["patches of the whole slide, not inside regions"]
    return ["patches inside regions, not of the whole slide" if wanted is None else
            "patches inside other regions than these"]  # fmt: skip
