"""What the tests in the lab share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.lab.guest import make_image
from tests.lab.cloud import Cloud, bare_documents, lab_of, seed_documents


@pytest.fixture(scope="session")
def guest_image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that boots and answers."""
    image = tmp_path_factory.mktemp("guest") / "tiny.qcow2"
    make_image(image, print)
    return image


def _purpose(request: pytest.FixtureRequest) -> str:
    return str(request.module.__name__).rpartition(".")[2].replace("_", "-")


@pytest.fixture(scope="module")
def seed_cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A lab of the example as it stands: guests with empty disks."""
    with lab_of(_purpose(request), seed_documents(tmp_path_factory.mktemp("cloud"))) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def booting_cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, guest_image: Path
) -> Iterator[Cloud]:
    """A lab of the example whose guests boot."""
    with lab_of(_purpose(request), seed_documents(tmp_path_factory.mktemp("cloud"), guest_image)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def bare_cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A lab of the example's machines, with no guests yet."""
    with lab_of(_purpose(request), bare_documents(tmp_path_factory.mktemp("cloud"))) as cloud:
        yield cloud
