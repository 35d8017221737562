"""The container files agree with the project; they cannot be run where no Docker engine is."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import AliasChoices, BaseModel

from oracle.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
# Read by the Google library and by Python, not by our settings.
OTHERS = {"STORAGE_EMULATOR_HOST", "PYTHONUNBUFFERED", "PATH"}


def variables(model: type[BaseModel], prefix: str = "ORACLE_") -> set[str]:
    """Every environment variable that the settings know."""
    known: set[str] = set()
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            known |= variables(field.annotation, f"{prefix}{name.upper()}__")
        elif isinstance(field.validation_alias, AliasChoices):
            known |= {str(choice) for choice in field.validation_alias.choices}
        else:
            known.add(prefix + name.upper())
    return known


def test_the_settings_are_listed() -> None:
    assert {"ORACLE_DATA_DIR", "DATABASE_URL", "ORACLE_CHAIN__KEY_FILE"} <= variables(Settings)


def test_only_variables_that_the_oracle_has_are_set() -> None:
    for service in ("prepare", "oracle"):
        assert set(COMPOSE["services"][service]["environment"]) <= variables(Settings) | OTHERS
    environment = DOCKERFILE[DOCKERFILE.index("\nENV ") : DOCKERFILE.index("\nVOLUME")]
    assert set(re.findall(r"([A-Z_]+)=", environment)) <= variables(Settings) | OTHERS


def test_every_image_is_of_a_fixed_version() -> None:
    images = [service["image"] for service in COMPOSE["services"].values()] + re.findall(
        r"^FROM (\S+)", DOCKERFILE, re.M
    )
    for image in images:
        assert image == "creativity-oracle" or re.search(r":\S*\d", image), image


def test_every_file_that_is_copied_is_there_and_not_ignored() -> None:
    kept = (ROOT / "docker" / "Dockerfile.dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in kept, source


def test_the_api_the_figures_and_the_board_are_reachable_from_this_machine_only() -> None:
    published = {
        name: service["ports"]
        for name, service in COMPOSE["services"].items()
        if "ports" in service
    }
    assert published == {
        "oracle": ["127.0.0.1:8000:8000"],
        "prometheus": ["127.0.0.1:9090:9090"],
        "grafana": ["127.0.0.1:3000:3000"],
    }
