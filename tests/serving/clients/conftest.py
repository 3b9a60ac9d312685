"""A service for client programs, which all of them share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support import service


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where it is; its keys are secret-1 and secret-2."""
    data = str(tmp_path_factory.mktemp("data"))
    with service.process("--set", f"data={data}", PYATTN_SERVE_KEYS="secret-1,secret-2") as (
        found,
        *_,
    ):
        yield found
