"""What this machine offers: devices, a compiler, number formats, its allocator's habits."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import threadpool_limits


def best_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def cores() -> int:
    """Of the processor, as many as this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def compiler_found() -> bool:
    """Whether torch.compile can build for the processor (``MOMKD_COMPILE=0`` turns it off)."""
    if os.environ.get("MOMKD_COMPILE") == "0" or sys.platform == "win32":
        return False
    chosen = os.environ.get("CXX")
    return any(shutil.which(name) for name in (chosen, "g++", "clang++") if name)


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Inside, OpenMP loops run on one thread.

    scikit-learn's k-means adds up what each thread found in the order in which they arrive, so three
    threads or more give other last digits each time.
    """
    with threadpool_limits(limits=1, user_api="openmp"):
        yield


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # mallopt(3)


@cache
def keep_freed_memory() -> bool:
    """Lets glibc reuse the memory of a layer's output for the next one; False elsewhere.

    By default it maps blocks of this size anew and returns them at once, and the page faults cost
    a third of the encoder's time. At most half a gigabyte of freed memory is kept.
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        mallopt = library.mallopt
    except (OSError, AttributeError):
        return False
    kept = mallopt(_M_MMAP_THRESHOLD, 64 << 20) == 1
    return bool(kept and mallopt(_M_TRIM_THRESHOLD, 512 << 20) == 1)


def peak_memory() -> int | None:
    """The largest memory of this process so far, in bytes; None on Windows, which does not say."""
    if sys.platform == "win32":
        return None
    import resource

    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest


def gpu_peak_memory() -> int | None:
    """The largest memory that tensors of this process had on an NVIDIA GPU; None without one."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None


@cache
def bfloat16_is_fast() -> bool:
    """Whether the processor multiplies matrices in bfloat16 itself, rather than by way of float32."""
    # PyTorch has no public question for it before 2.11.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in asked)
