from __future__ import annotations

from typing import Any

import pytest

from tests.stack.translation import translated


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """The translated template, which no test changes."""
    return translated()
