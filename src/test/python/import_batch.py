"""Runs inside a Java process: imports a record batch over the Arrow C Data Interface and reports
where its columns lie and what they hold.
"""

import json

import numpy as np
import pyarrow as pa

allocated_before = pa.total_allocated_bytes()
batch = None


def import_batch(array, schema):
    global batch
    batch = pa.RecordBatch._import_from_c(array, schema)
    batch.validate(full=True)


def report(path):
    columns = {}
    for name in batch.schema.names:
        field = batch.schema.field(name)
        values = batch.column(name)
        if pa.types.is_fixed_size_list(field.type):
            values = values.flatten()
        numbers = values.to_numpy(zero_copy_only=True)
        address = numbers.__array_interface__["data"][0]
        if (field.metadata or {}).get(b"sluice.dtype") == b"bfloat16":
            numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
        columns[name] = {"address": address, "values": numbers.astype(float).tolist()}
    with open(path, "w") as file:
        json.dump(
            {
                "rows": batch.num_rows,
                "allocated": pa.total_allocated_bytes() - allocated_before,
                "columns": columns,
            },
            file,
        )


def release():
    global batch
    batch = None
