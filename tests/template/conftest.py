from __future__ import annotations

from typing import Any

import pytest

from tests.template import function_log
from tests.template.cloudformation import Stack
from tests.template.parameter_values import EVERYTHING
from tests.template.translation import translated


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The translated template, which no test changes."""
    return translated()


@pytest.fixture
def stack(template: dict[str, Any]) -> Stack:
    """Everything that the template can make at once, waiting for completion."""
    return Stack(template, EVERYTHING)


@pytest.fixture(scope="session")
def lines() -> dict[str, list[str]]:
    """What the function writes about events of every outcome, line by line."""
    return function_log.written()
