"""Opens an Arrow IPC file with pyarrow by memory map, validates it and prints its rows as JSON.

usage: read_table.py FILE
"""

import json
import sys

import pyarrow as pa
import pyarrow.ipc


def main(path):
    before = pa.total_allocated_bytes()
    table = pa.ipc.open_file(pa.memory_map(path)).read_all()
    assert pa.total_allocated_bytes() == before, "mapped without a copy"
    table.validate(full=True)
    print(json.dumps(table.to_pylist()))


if __name__ == "__main__":
    main(*sys.argv[1:])
