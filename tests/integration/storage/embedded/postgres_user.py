"""A process that uses an embedded server: started by the tests, told what to do by its arguments.

usage: postgres_user.py FOLDER once | hold
"""

import sys
from pathlib import Path

import psycopg

from storage.embedded import EmbeddedPostgres


def main(folder: str, what: str) -> None:
    server = EmbeddedPostgres(Path(folder))
    with psycopg.connect(server.start()) as conn:
        row = conn.execute("select pg_postmaster_start_time()::text").fetchone()
    print(row[0] if row else "", flush=True)
    sys.stdin.readline() if what == "hold" else None  # until told to go on, or killed
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
