"""Where an encoder's weights come from: a file here or, only when asked for, the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from momkd_core.errors import EncoderError

_HUB = "hub"


def weights_file(where: str, repository: str | None, files: tuple[str, ...]) -> Path:
    """The file that ``where`` names.

    Args:
        where: a path; ``hub`` for the encoder's own repository; ``hub:OWNER/REPO`` for another one.
        repository: the encoder's own, OWNER/REPO, or None.
        files: names to look for there, the first that is there wins.

    Raises:
        EncoderError: no such file, or the hub does not give it.
    """
    kind, _, named = where.partition(":")
    if kind != _HUB or (named and "/" not in named):
        path = Path(where).expanduser().absolute()
        if not path.is_file():
            raise EncoderError(
                f"There is no weights file {path}",
                "Check the path, or write hub to have it downloaded from the Hugging Face hub",
            )
        return path
    if not (named or repository):
        raise EncoderError(
            "This encoder has no repository of its own on the Hugging Face hub",
            "Name one as hub:OWNER/REPO, or a weights file",
        )
    return _downloaded(named or str(repository), files)


def _downloaded(repository: str, files: tuple[str, ...]) -> Path:
    """From the hub with the user's own token, or from its cache here."""
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import (
            EntryNotFoundError,
            GatedRepoError,
            LocalEntryNotFoundError,
        )
    except ImportError as error:
        raise missing_package("huggingface_hub", "uni") from error
    page = f"https://huggingface.co/{repository}"
    try:
        for name in files[:-1]:
            try:
                return Path(hf_hub_download(repository, name))
            except LocalEntryNotFoundError:  # the hub was not reached: another name will not help
                raise
            except EntryNotFoundError:
                continue
        return Path(hf_hub_download(repository, files[-1]))
    except GatedRepoError as error:
        raise EncoderError(
            f"{repository} is gated, and your Hugging Face account has no access to it",
            f"Request access at {page}, make a token, and log in with: hf auth login",
        ) from error
    except (OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise EncoderError(
            f"{' or '.join(files)} of {repository} could not be downloaded ({reason})",
            f"Check the connection, or download it from {page} and name the file",
        ) from error


def missing_package(package: str, extra: str) -> EncoderError:
    """What an encoder says that needs a package which is not installed."""
    return EncoderError(
        f"This encoder needs the package {package}, which is not installed",
        f'Install it with: pip install "momkd-viewer[{extra}]"',
    )
