"""Runs the Python of a page of the documentation, as a reader would.

usage: run_page.py PAGE HEADING FOLDER

Executes the code blocks under a heading one after the other in FOLDER, after it has made what they
take for granted: contexts of random activations and a vocabulary. Prints the numbers that they compute, as JSON.
"""

import json
import os
import pathlib
import re
import sys

import numpy as np


def blocks(page, heading):
    text = pathlib.Path(page).read_text()
    section = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    return re.findall(r"^```python\n(.*?)^```", section.group(1), re.M | re.S)


def contexts(width):
    random = np.random.default_rng(5)
    mix = random.standard_normal((width, width)) / 8
    for _ in range(90):
        n = int(random.integers(20, 60))
        x = random.standard_normal((n, width)) @ mix
        x[0] *= 50  # An attention sink.
        yield random.integers(0, 500, n), x.astype("float16")


def main(page, heading, folder):
    code = blocks(page, heading)
    os.chdir(folder)
    os.makedirs("acts", exist_ok=True)
    names = {"contexts": contexts(64), "vocabulary": [f" word{i}" for i in range(500)]}
    for block in code:
        exec(compile(block, page, "exec"), names)
    numbers = {name: value for name, value in names.items() if name == "fvu"}
    print(json.dumps({name: float(value) for name, value in numbers.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
