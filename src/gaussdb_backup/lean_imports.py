"""Imports pydantic and requests without parts that the function does not use.

A cold start is mostly imports. `make bench` counts the instructions until the function is ready:
928 million without this module, 725 million with it (Python 3.13, pydantic 2.14).
"""

import dataclasses
import sys
import typing
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typing_extensions

_PYDANTIC = ("pydantic", "annotated_types")
_dataclass = dataclasses.dataclass


@contextmanager
def lean_imports() -> Iterator[None]:
    """Within it, what imports pydantic and requests for the first time gets less of them.

    Processes that imported them before keep them whole.
    """
    with _replaced(dataclasses, "dataclass", _without_generated_methods):
        with (
            _replaced(typing, "TypedDict", _Unchecked),
            _replaced(typing_extensions, "TypedDict", _Unchecked),
        ):
            from pydantic import BaseModel  # noqa: F401, PLC0415 - not before the replacements
        with _without_charset_normalizer():
            yield


class _Unchecked(dict[str, Any]):
    """Replaces ``TypedDict``: saves 86 million instructions.

    Pydantic describes what its own functions take in 100 TypedDicts, for type checkers. Python
    would compile their 700 annotations one by one.
    """

    def __init_subclass__(cls, *, total: bool = True) -> None:
        """Takes the option of a TypedDict."""


def _without_generated_methods(cls: type | None = None, /, **options: Any) -> Any:
    """Replaces ``dataclass``: saves 90 million instructions.

    Pydantic has 50 dataclasses. Python generates and compiles the methods of each. Here they tell
    pydantic once how to build our models: they are never printed, compared, hashed or changed.
    """
    if cls is None:
        return lambda decorated: _without_generated_methods(decorated, **options)
    if cls.__module__.partition(".")[0] not in _PYDANTIC:
        return _dataclass(cls, **options)
    if "__init__" not in cls.__dict__:
        cls.__init__ = _assign_fields  # type: ignore[misc]
    kw_only = options.get("kw_only", False)
    return _dataclass(cls, init=False, repr=False, eq=False, kw_only=kw_only)


def _assign_fields(self: Any, *values: Any, **named_values: Any) -> None:
    """The ``__init__`` of such a class. Defaults are attributes of the class."""
    fields = dataclasses.fields(self)
    positional = [field.name for field in fields if not field.kw_only]
    named_values.update(zip(positional, values, strict=False))
    for field in fields:
        if field.name in named_values:
            setattr(self, field.name, named_values[field.name])
        elif field.default_factory is not dataclasses.MISSING:
            setattr(self, field.name, field.default_factory())
    if hasattr(type(self), "__post_init__"):
        self.__post_init__()


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
