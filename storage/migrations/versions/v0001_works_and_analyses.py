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
    # Whether a job will go on with an analysis, among all that failed for good.
    driver.execute(
        "create index procrastinate_jobs_analysis on procrastinate_jobs ((args->>'analysis_id'))"
        " where status in ('todo', 'doing')"
    )
