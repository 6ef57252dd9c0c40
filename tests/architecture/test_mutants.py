"""The bugs that `make mutants` seeds still fit the code: whoever changes a line of them learns it here."""

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import missing


@pytest.mark.parametrize("name", MUTANTS)
def test_what_a_mutant_changes_is_still_there(name: str) -> None:
    assert missing(MUTANTS[name].changes) == []
