"""Names of creators compared as people do; spellings of one name become one creator."""

from pathlib import Path
from typing import Any

from alembic import op

from storage.names import canonical, skeletons
from storage.works.creators import merge

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    driver: Any = op.get_bind().connection.driver_connection
    driver.execute(Path(__file__).with_suffix(".sql").read_text())
    first: dict[str, int] = {}
    for creator_id, handle in driver.execute(
        "select id, handle from creators order by id"
    ).fetchall():
        key = canonical(handle)
        driver.execute(
            "update creators set name_key = %s, skeletons = %s where id = %s",
            (key, skeletons(handle), creator_id),
        )
        if first.setdefault(key, creator_id) != creator_id:
            merge(driver, first[key], creator_id)
    driver.execute(
        "alter table creators alter name_key set not null, alter skeletons set not null;"
        "create unique index creators_name on creators (name_key) where same_as is null;"
        "create index creators_spelling on creators (name_key);"
        "create index creators_skeletons on creators using gin (skeletons);"
        "create index creators_same on creators (same_as) where same_as is not null"
    )
