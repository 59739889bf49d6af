#!/bin/sh
# SQLite's incremental vacuum through Python: 500 pages are asked for, and one is freed.
# Versions: apsw 3.54.1.0, pysqlite3-binary 0.5.4.post2
# Expected: execute("PRAGMA incremental_vacuum(500)") gives 500 free pages back to the file system, as it gives back all
#   of what VACUUM frees.
# Happens: The pragma frees one page a step of its statement. Both modules take the first step in execute() and the
#   others when rows are fetched, though there are none to fetch. The file keeps its size, and no error says so.
# Seen:
#   pysqlite3 execute 1
#   pysqlite3 execute, fetchall 500
#   pysqlite3 executescript 500
#   apsw execute 1
#   apsw execute, list 500
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile apsw==3.54.1.0 pysqlite3-binary==0.5.4.post2
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - "$place" <<'END'
import sys

import apsw
from pysqlite3 import dbapi2

VACUUM = "PRAGMA incremental_vacuum(500)"
WAYS = {
    "pysqlite3 execute": (dbapi2.connect, lambda database: database.execute(VACUUM)),
    "pysqlite3 execute, fetchall": (dbapi2.connect, lambda database: database.execute(VACUUM).fetchall()),
    "pysqlite3 executescript": (dbapi2.connect, lambda database: database.executescript(VACUUM)),
    "apsw execute": (apsw.Connection, lambda database: database.execute(VACUUM)),
    "apsw execute, list": (apsw.Connection, lambda database: list(database.execute(VACUUM))),
}
seen = {}
for number, (way, (connect, vacuum)) in enumerate(WAYS.items()):
    path = f"{sys.argv[1]}/{number}.db"
    made = dbapi2.connect(path, isolation_level=None)
    for statement in ("PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "CREATE TABLE some (data BLOB)", "BEGIN"):
        made.execute(statement)
    for _ in range(1000):
        made.execute("INSERT INTO some VALUES (zeroblob(4000))")
    made.execute("COMMIT")
    made.execute("DELETE FROM some")
    free = made.execute("PRAGMA freelist_count").fetchone()[0]
    made.close()
    database = connect(path)
    vacuum(database)
    database.close()
    seen[way] = free - dbapi2.connect(path).execute("PRAGMA freelist_count").fetchone()[0]
    print(way, seen[way])
sys.exit([*seen.values()] != [1, 500, 500, 1, 500])
END
