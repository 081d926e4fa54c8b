from __future__ import annotations

from typing import Any

import pytest

from tests.stack.choices import EVERYTHING
from tests.stack.cloudformation import Stack
from tests.stack.translation import translated


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The translated template, which no test changes."""
    return translated()


@pytest.fixture
def stack(template: dict[str, Any]) -> Stack:
    """Everything that the template can make at once, waiting for completion."""
    return Stack(template, EVERYTHING)
