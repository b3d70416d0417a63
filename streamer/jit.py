"""Compiled kernels that also import where no cache can be written."""

import hashlib
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

Kernel = Callable[..., Any]
_warned = False


def kernel(function: Kernel) -> Kernel:
    """Compile `function` with numba and keep the result on disk for the next start.

    Where neither the package's folder nor the user's cache can be written (a container, a read-only install), the
    kernel is compiled anew at each start, and a warning says once how to avoid it.

    Parameters
    ----------
    function : callable
        A function in numba's nopython subset.

    Returns
    -------
    callable
        The compiled function.
    """
    try:
        compiled: Kernel = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
        # numba looks at the file of the kernel alone, and would keep what it has inlined from another that has changed
        file = compiled._cache._cache_file  # type: ignore[attr-defined]
        file._source_stamp = (*file._source_stamp, _digest(Path(function.__code__.co_filename).parents[1]))
    except RuntimeError:
        _warn_once()
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled


@cache
def _digest(package: Path) -> str:
    """Return a checksum over the modules of a package that have kernels, or make instructions for them."""
    sources = (path.read_bytes() for path in sorted(package.glob("*/*.py")))
    compiled = (source for source in sources if b"@kernel" in source or b"@intrinsic" in source)
    return hashlib.sha256(b"".join(compiled)).hexdigest()


def _warn_once() -> None:
    global _warned
    if not _warned:
        warnings.warn(
            "numba found no folder to keep compiled code in, so every start compiles anew (some seconds); "
            "set NUMBA_CACHE_DIR to a folder that can be written",
            RuntimeWarning,
            stacklevel=3,
        )
    _warned = True
