"""Parts of documents that follow from the code: compared with it, and renewed by the same test.

    RENEW_PAGES=1 .venv/bin/python -m pytest tests/integration/fraud/test_stories.py \
        tests/unit/fraud/test_rules.py tests/unit/payouts/test_statement.py
"""

import os
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def assert_says(page: str, part: str, text: str) -> None:
    """Compare a part of a page, between its two markers, with what the code says."""
    path = DOCS / page
    marker = re.compile(rf"(?<=<!-- {part} -->\n)(.*?)(?=<!-- /{part} -->)", re.DOTALL)
    if os.environ.get("RENEW_PAGES"):
        path.write_text(marker.sub(lambda _: text, path.read_text()))
    found = marker.search(path.read_text())
    assert found is not None, part
    assert found[0] == text, f"RENEW_PAGES=1 with this test renews {path}"
