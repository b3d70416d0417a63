"""Compiled kernels that also import where no cache can be written."""

import warnings
from collections.abc import Callable
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
        compiled: Kernel = numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        _warn_once()
        compiled = numba.njit(nogil=True)(function)
    return compiled


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
