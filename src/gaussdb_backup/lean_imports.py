"""Imports pydantic and requests without three parts that the function does not use.

A cold start is mostly imports. `make bench` counts the instructions until the function is ready:
895 million without this module, 733 million with it (Python 3.13, pydantic 2.14).
"""

import dataclasses
import sys
import typing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# It keeps what ``typing`` offers while it is imported: that must be before the replacement below.
import typing_extensions  # noqa: F401

_PYDANTIC = ("pydantic", "annotated_types")
_dataclass = dataclasses.dataclass


@contextmanager
def lean_imports() -> Iterator[None]:
    """Within it, what imports pydantic and requests for the first time gets less of them.

    Processes that imported them before keep them whole.
    """
    with _replaced(typing, "TypedDict", _Unchecked):
        import pydantic_core  # noqa: F401, PLC0415 - not before the replacement
    with _replaced(dataclasses, "dataclass", _with_constructor_only), _without_charset_normalizer():
        yield


class _Unchecked(dict[str, object]):
    """Replaces ``TypedDict``: saves 70 million instructions.

    Pydantic-core describes its schemas in 94 TypedDicts for type checkers. Python would compile
    their 605 annotations one by one.
    """

    def __init_subclass__(cls, *, total: bool = True) -> None:
        """Takes the option of a TypedDict."""


def _with_constructor_only(cls: type | None = None, /, **options: Any) -> Any:
    """Replaces ``dataclass``: saves 70 million instructions.

    Pydantic has 50 dataclasses. Python generates and compiles their methods each time. Here they
    tell pydantic once how to build our models: they are never printed, compared, hashed or changed.
    """
    if cls is None:
        return lambda decorated: _with_constructor_only(decorated, **options)
    if cls.__module__.partition(".")[0] in _PYDANTIC:
        options |= {"repr": False, "eq": False, "frozen": False, "slots": False}
    return _dataclass(cls, **options)


@contextmanager
def _without_charset_normalizer() -> Iterator[None]:
    """Within it, requests does not find the package: saves 26 million instructions.

    It guesses the encoding of a response's text, which is not asked for here.
    """
    package = "charset_normalizer"
    if package in sys.modules:
        yield
        return
    warnings.filterwarnings("ignore", "Unable to find acceptable character detection")
    sys.modules[package] = None  # type: ignore[assignment] # Python's way to say "not there"
    try:
        yield
    finally:
        del sys.modules[package]


@contextmanager
def _replaced(module: object, name: str, stand_in: object) -> Iterator[None]:
    whole = getattr(module, name)
    setattr(module, name, stand_in)
    try:
        yield
    finally:
        setattr(module, name, whole)
