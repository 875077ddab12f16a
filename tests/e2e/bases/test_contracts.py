"""Every recipe must keep its contract."""

import pytest
from tests.e2e.bases.box import opened
from tests.e2e.bases.conftest import Workshop

from cais.bases import catalogue
from cais.bases.contract import CONTRACTS, broken, contract_of

pytestmark = pytest.mark.root


@pytest.mark.parametrize("name", [name for name, _ in CONTRACTS])
def test_contract_is_kept(workshop: Workshop, name: str) -> None:
    image = workshop.image(catalogue.by_name(name).references[0])
    with opened(workshop.store, image) as box:
        failures = broken(contract_of(name), box.config, box.root, box.start_and_wait)
        assert not failures, "\n".join(failures)
