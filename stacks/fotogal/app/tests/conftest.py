"""What several test modules use."""

from __future__ import annotations

import pytest

# Their assertions are to be explained as those of test modules are.
pytest.register_assert_rewrite("contract_catalogue", "contract_objects")
