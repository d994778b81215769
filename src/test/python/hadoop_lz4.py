"""Writes a Parquet file with the older LZ4 of Hadoop, which pyarrow only reads: with Spark.

SPARK_HOME=… "$SLUICE_PYTHON" src/test/python/hadoop_lz4.py src/test/resources/golden/texts/hadoop-lz4.parquet
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

query = """
INSERT OVERWRITE DIRECTORY '{}' USING parquet
SELECT /*+ COALESCE(1) */ id, concat('document ', id, ': größe 北京 🐋 ', repeat('whale ', cast(id % 50 as int))) AS text,
transform(sequence(0, id % 7), x -> cast(x * id as int)) AS input_ids FROM range(0, 300, 1, 1);
"""
with tempfile.TemporaryDirectory() as folder:
    script = pathlib.Path(folder, "query.sql")
    script.write_text(query.format(f"{folder}/table"))
    settings = ["spark.sql.catalogImplementation=in-memory", "spark.ui.enabled=false", "spark.sql.parquet.compression.codec=lz4"]
    subprocess.run(
        [pathlib.Path(os.environ["SPARK_HOME"], "bin", "spark-sql"), "--master", "local[1]", "--driver-memory", "1g"]
        + [word for setting in settings for word in ("--conf", setting)] + ["-f", script],
        check=True,
    )
    (written,) = pathlib.Path(folder, "table").glob("part-*.lz4hadoop.parquet")
    shutil.copy(written, sys.argv[1])
