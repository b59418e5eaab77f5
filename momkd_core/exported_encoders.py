"""Encoders as exported programs: an ONNX file beside a small JSON file that says what it is.

``.pt2`` files of torch.export are refused: ``torch.export.load`` (as of torch 2.13) unpickles
without restriction and evaluates expressions of the file as code.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor, nn

from momkd_core.encoder_weights import missing_package
from momkd_core.errors import EncoderError
from momkd_core.patch_encoder import EncoderEntry, EncoderIdentity, PatchEncoder, Precision
from momkd_core.patch_preprocessing import Interpolation, Normalised, Preprocessing

_NOWHERE = "/nowhere/momkd"

SUFFIXES = (".json", ".onnx", ".pt2")


class Definition(BaseModel):
    """The JSON file beside a program. Channels are R, G, B on the scale from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    width: int = Field(ge=1, le=65536)
    size: int = Field(ge=16, le=4096)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    licence: str
    note: str
    interpolation: Interpolation = "bilinear"
    program: str | None = Field(None, description="file beside this one; default: its stem, .onnx")

    @property
    def preprocessing(self) -> Preprocessing:
        return Preprocessing(self.size, self.mean, self.std, self.interpolation)


def exported_entry(path: Path) -> EncoderEntry:
    """The encoder that a JSON file defines.

    Raises:
        EncoderError: it is unreadable, states impossible values, or its program is missing or a .pt2.
    """
    definition, program = _read(path)

    def identity() -> EncoderIdentity:
        stat = [(file, file.stat().st_mtime_ns, file.stat().st_size) for file in _files(program)]
        return _identity(definition, tuple(stat))

    def load(device: str, precision: Precision) -> PatchEncoder:
        return _load(definition, identity(), program, device, precision)

    return EncoderEntry(
        definition.name, definition.licence, definition.note, identity, load, str(path.absolute())
    )


def exported_files(path: Path) -> tuple[Path, ...]:
    """All that an encoder is read from: JSON file, program, weights beside it. Raises as its entry."""
    _, program = _read(path)
    return (path.absolute(), *_files(program))


def _read(path: Path) -> tuple[Definition, Path]:
    _refuse_pt2(path)
    if path.suffix.lower() != ".json":
        raise EncoderError(
            f"{path.name} does not say how patches are prepared for it",
            f"Write {path.stem}.json beside it (name, width, size, mean, std, licence, note); name it",
        )
    try:
        definition = Definition.model_validate_json(path.read_bytes())
    except OSError as error:
        raise EncoderError(f"{path} cannot be read ({error.strerror})", "Check the path") from error
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(str(part) for part in wrong["loc"]) or "the file"
        raise EncoderError(
            f"{path.name}: {where}: {wrong['msg']}",
            "It needs name, width, size, mean, std, licence, note; it may have interpolation, program",
        ) from error
    if min(definition.std) <= 0:
        raise EncoderError(
            f"{path.name}: std is not above 0", "State the deviation of each channel"
        )
    program = path.absolute().parent / (definition.program or f"{path.stem}.onnx")
    _refuse_pt2(program)
    if not program.is_file():
        raise EncoderError(
            f"{program} does not exist", f"Put the program there, or name it in {path.name}"
        )
    return definition, program


def _refuse_pt2(path: Path) -> None:
    if path.suffix.lower() == ".pt2":
        raise EncoderError(
            f"{path.name} is not opened: torch.export.load may run code that is hidden in such a file",
            "Export the encoder as ONNX instead, with torch.onnx.export",
        )


def _files(program: Path) -> list[Path]:
    """The program, and the weights that torch.onnx.export writes beside large ones."""
    data = program.with_name(f"{program.name}.data")
    return [program, data] if data.is_file() else [program]


@cache
def _identity(definition: Definition, files: tuple[tuple[Path, int, int], ...]) -> EncoderIdentity:
    """Hashed once for each state of the files (path, time, size)."""
    digest = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return EncoderIdentity(
        name=definition.name,
        width=definition.width,
        weights_sha256=digest.hexdigest(),
        preprocessing=str(definition.preprocessing),
        licence=definition.licence,
        note=definition.note,
    )


def _load(
    definition: Definition,
    identity: EncoderIdentity,
    program: Path,
    device: str,
    precision: Precision,
) -> PatchEncoder:
    if precision != "float32":
        raise EncoderError(
            f"{definition.name} computes as it was exported, not in {precision}",
            "Leave --precision out, or export it in that precision with float32 inputs",
        )
    network = _OnnxProgram(program, device)
    encoder = PatchEncoder(
        identity,
        Normalised(network, definition.mean, definition.std),
        # Its own provider moves what it is given; PyTorch hands it over on the processor.
        device="cpu",
        preprocessing=definition.preprocessing,
        elsewhere=network.on_gpu,
    )
    encoder.batch_size = network.batch_size or encoder.batch_size
    grey = torch.full((2, definition.size, definition.size, 3), 128, dtype=torch.uint8)
    encoder.encode(grey.numpy())
    return encoder


class _OnnxProgram(nn.Module):
    """An ONNX file behind PyTorch's interface: (B, 3, H, W) float32 in, its first output out.

    Attributes:
        batch_size: that the program insists on, or suits its device; None leaves it open.
        on_gpu: whether it computes there.
    """

    def __init__(self, program: Path, device: str) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise missing_package("onnxruntime", "onnx") from error
        self._name = program.name
        providers = ["CPUExecutionProvider"]
        if device == "cuda" and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            providers.insert(0, "CUDAExecutionProvider")
        try:
            # Weights beside the program are handed over, so that no other file is read than was
            # hashed. The session does not copy them: they have to live as long as it does.
            self._weights = [(data.name, data.read_bytes()) for data in _files(program)[1:]]
            self._session = onnxruntime.InferenceSession(
                program.read_bytes(), _options(onnxruntime, self._weights), providers=providers
            )
        # Its exceptions have no public base class.
        except Exception as error:
            raise _failure(program.name, "cannot be loaded", error) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            raise EncoderError(
                f"{program.name} takes {len(inputs)} inputs of {[one.shape for one in inputs]}",
                "Export a program of one input, (batch, 3, height, width)",
            )
        self._input = inputs[0].name
        fixed = inputs[0].shape[0]
        if isinstance(fixed, int) and fixed != 1:
            raise EncoderError(
                f"{program.name} takes exactly {fixed} patches at a time",
                "Export it with a dynamic batch",
            )
        self.on_gpu = len(providers) > 1
        open_size = 64 if self.on_gpu else None
        self.batch_size: int | None = fixed if isinstance(fixed, int) else open_size

    def forward(self, x: Tensor) -> Tensor:
        try:
            answer = self._session.run(None, {self._input: x.contiguous().numpy()})[0]
        except Exception as error:
            raise _failure(self._name, "fails on a patch", error) from error
        return torch.from_numpy(answer)


def _options(onnxruntime: Any, weights: list[tuple[str, bytes]]) -> Any:
    """Of a session whose program has these weights beside it."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # failures are raised as well
    # Else weights of another name would be taken from wherever this process was started.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", _NOWHERE
    )
    for name, content in weights:
        options.add_external_initializers_from_files_in_memory([name], [content], [len(content)])
    return options


def _failure(name: str, what: str, error: Exception) -> EncoderError:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return EncoderError(
        f"{name} {what} ({reason[:200]})",
        "Export it again: one input (batch, 3, height, width), weights inside or in NAME.onnx.data",
    )
