"""Works, fingerprints, analyses, policy and jobs."""

from pathlib import Path

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None


def upgrade() -> None:
    # The driver's own execute: several statements at once, and no reading of '%' or ':' as
    # parameters.
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(__file__).with_suffix(".sql").read_text())
    driver.execute(SchemaManager.get_schema())
