"""Whole-slide images as DICOM, small and drawn here: a file a level, and a label."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGBaseline8Bit, generate_uid

_STORAGE = UID("1.2.840.10008.5.1.4.1.1.77.1.6")  # VL Whole Slide Microscopy Image
TILE = 256


def write_dicom_slide(
    folder: Path,
    image: NDArray[np.uint8],
    *,
    mpp: float = 0.5,
    levels: int = 2,
    name: str = "level",
) -> list[Path]:
    """Writes one series of halved levels, finest first, and its label.

    Layout: https://dicom.nema.org/medical/dicom/current/output/chtml/part03/sect_A.32.8.html
    """
    folder.mkdir(parents=True, exist_ok=True)
    shared = {
        "StudyInstanceUID": generate_uid(),
        "SeriesInstanceUID": generate_uid(),
        "FrameOfReferenceUID": generate_uid(),
    }
    paths = []
    for level in range(levels):
        step = 2**level
        path = folder / f"{name}_{level}.dcm"
        flavour = ["ORIGINAL" if level == 0 else "DERIVED", "PRIMARY", "VOLUME"]
        kind = [*flavour, "NONE" if level == 0 else "RESAMPLED"]
        _write(path, image[::step, ::step], mpp * step, kind, level + 1, shared)
        paths.append(path)
    label = np.full((64, 128, 3), 230, np.uint8)
    path = folder / f"{name}_label.dcm"
    _write(path, label, mpp * 64, ["ORIGINAL", "PRIMARY", "LABEL", "NONE"], levels + 1, shared)
    return [*paths, path]


def _write(
    path: Path,
    image: NDArray[np.uint8],
    mpp: float,
    kind: list[str],
    number: int,
    shared: dict[str, str],
) -> None:
    height, width = image.shape[:2]
    tile_h, tile_w = (height, width) if kind[2] == "LABEL" else (TILE, TILE)
    frames = _frames(image, tile_h, tile_w)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = _STORAGE
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    found = Dataset()
    found.file_meta = meta
    found.SOPClassUID, found.SOPInstanceUID = _STORAGE, meta.MediaStorageSOPInstanceUID
    for keyword, value in shared.items():
        setattr(found, keyword, value)
    found.Modality, found.ImageType, found.InstanceNumber = "SM", kind, number
    found.PatientID, found.PatientName, found.PatientBirthDate, found.PatientSex = (
        "p1",
        "One^P",
        "",
        "",
    )
    found.StudyDate = found.ContentDate = found.AcquisitionDateTime = "20261129"
    found.StudyTime = found.ContentTime = "120000"
    found.StudyID, found.AccessionNumber, found.ReferringPhysicianName = "1", "", ""
    found.SeriesNumber, found.Manufacturer, found.ManufacturerModelName = 1, "none", "drawn"
    found.DeviceSerialNumber, found.SoftwareVersions = "0", "0"
    found.PositionReferenceIndicator = "SLIDE_CORNER"
    found.ContainerIdentifier, found.VolumetricProperties = "slide", "VOLUME"
    found.ContainerTypeCodeSequence = [_code("433466003", "SCT", "Microscope slide")]
    specimen = Dataset()
    specimen.SpecimenIdentifier, specimen.SpecimenUID = "s1", generate_uid()
    specimen.IssuerOfTheSpecimenIdentifierSequence = []
    specimen.SpecimenPreparationSequence = []
    found.SpecimenDescriptionSequence = [specimen]
    found.IssuerOfTheContainerIdentifierSequence = []
    found.AcquisitionContextSequence = []
    found.SamplesPerPixel, found.PhotometricInterpretation = 3, "RGB"
    found.PlanarConfiguration, found.NumberOfFrames = 0, len(frames)
    found.Rows, found.Columns = tile_h, tile_w
    found.BitsAllocated, found.BitsStored, found.HighBit, found.PixelRepresentation = 8, 8, 7, 0
    found.LossyImageCompression = "01"
    found.LossyImageCompressionRatio, found.LossyImageCompressionMethod = 10, "ISO_10918_1"
    found.BurnedInAnnotation, found.FocusMethod, found.ExtendedDepthOfField = "NO", "AUTO", "NO"
    found.SpecimenLabelInImage = "YES" if kind[2] == "LABEL" else "NO"
    found.TotalPixelMatrixColumns, found.TotalPixelMatrixRows = width, height
    found.TotalPixelMatrixFocalPlanes = 1
    found.NumberOfOpticalPaths = 1
    found.ImagedVolumeWidth, found.ImagedVolumeHeight = width * mpp / 1000, height * mpp / 1000
    found.ImagedVolumeDepth = 0.001
    found.ImageOrientationSlide = [0, -1, 0, -1, 0, 0]
    origin = Dataset()
    origin.XOffsetInSlideCoordinateSystem, origin.YOffsetInSlideCoordinateSystem = 20.0, 40.0
    found.TotalPixelMatrixOriginSequence = [origin]
    found.DimensionOrganizationType = "TILED_FULL"
    organization = Dataset()
    organization.DimensionOrganizationUID = generate_uid()
    found.DimensionOrganizationSequence = [organization]
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [mpp / 1000, mpp / 1000], 0.001
    groups = Dataset()
    groups.PixelMeasuresSequence = [measures]
    frame_type = Dataset()
    frame_type.FrameType = kind
    groups.WholeSlideMicroscopyImageFrameTypeSequence = [frame_type]
    path_ = Dataset()
    path_.OpticalPathIdentifier = "1"
    groups.OpticalPathIdentificationSequence = [path_]
    found.SharedFunctionalGroupsSequence = [groups]
    optical = Dataset()
    optical.OpticalPathIdentifier = "1"
    optical.IlluminationTypeCodeSequence = [_code("111744", "DCM", "Brightfield illumination")]
    optical.IlluminationColorCodeSequence = [_code("414298005", "SCT", "Full Spectrum")]
    optical.ObjectiveLensPower = 20
    found.OpticalPathSequence = [optical]
    found.PixelData = encapsulate(frames)
    found["PixelData"].is_undefined_length = True
    found.save_as(path, enforce_file_format=True)


def _frames(image: NDArray[np.uint8], tile_h: int, tile_w: int) -> list[bytes]:
    """JPEGs of all tiles, row by row; the last ones are filled with glass."""
    height, width = image.shape[:2]
    rows, columns = -(-height // tile_h), -(-width // tile_w)
    padded = np.full((rows * tile_h, columns * tile_w, 3), 242, np.uint8)
    padded[:height, :width] = image
    return [
        imagecodecs.jpeg_encode(
            np.ascontiguousarray(padded[y : y + tile_h, x : x + tile_w]), level=95,
            colorspace="RGB", outcolorspace="RGB",
        )
        for y in range(0, rows * tile_h, tile_h)
        for x in range(0, columns * tile_w, tile_w)
    ]  # fmt: skip


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code
