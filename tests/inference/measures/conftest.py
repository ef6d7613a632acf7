"""The measures need the files of `make measures`."""

import pytest

from mien.errors import WeightsError
from mien.inference.measures import files
from mien.inference.measures.measurer import Measurer
from mien.inference.pipeline import Pipeline


@pytest.fixture(scope="session")
def measurer() -> Measurer:
    try:
        files.locate()
    except WeightsError as error:
        pytest.skip(str(error))
    return Measurer()


@pytest.fixture(scope="session")
def measuring(measurer: Measurer) -> Pipeline:
    return Pipeline(measures=True)
