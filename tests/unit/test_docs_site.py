"""The documentation builds strictly, and needs nothing from another site."""

import re
from pathlib import Path

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site. Strict: a broken link, anchor or picture, or a page in no menu, ends the build."""
    folder = tmp_path_factory.mktemp("site")
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder)))
    return folder


def test_it_needs_no_other_site(site: Path) -> None:
    loads = re.compile(
        r"""<(?:script|img|link|iframe)[^>]+(?:src|href)=["']?(https?:)?//[^"' >]+"""
    )
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        found = [
            match[0] for match in loads.finditer(page.read_text()) if "canonical" not in match[0]
        ]
        assert found == [], page


def test_the_reference_is_made_from_what_it_describes(site: Path) -> None:
    http = (site / "reference/http/index.html").read_text()
    assert "/v1/uploads" in http
    assert "/api/creators" not in http
    assert "media_corrupt" in (site / "reference/errors/index.html").read_text()
    commands = (site / "reference/commands/index.html").read_text()
    assert "oracle keys add" in commands
    assert "--scope" in commands
    contracts = (site / "reference/contracts/index.html").read_text()
    assert "requestVerification" in contracts
    assert "VerificationConsumer" in contracts
