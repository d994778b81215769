#!/usr/bin/env bash
# Fills a small file system while sluice trains on it, then makes room and resumes.
# Needs a mount namespace of its own (unshare -rm).
#
#   full-disk.sh DISK KEPT SLUICE HOOK WORD...
#
# DISK is mounted; the run is DISK/run. KEPT gets what was printed, the names of the files that the
# refused run left, and the finished run.
set -euo pipefail
disk=$1 kept=$2 sluice=$3 hook=$4
shift 4
mount -t tmpfs -o size=16m full-disk "$disk"
"$sluice" "$@" >"$kept/full.log" 2>&1 &
running=$!
until compgen -G "$disk/run/$hook/checkpoint-*[1-9]0.safetensors" >/dev/null; do
  kill -0 "$running" 2>/dev/null || { cat "$kept/full.log"; exit 3; }
  sleep 0.05
done
while kill -0 "$running" 2>/dev/null; do
  dd if=/dev/zero of="$disk/fill" bs=64k oflag=append conv=notrunc 2>/dev/null || true
done
if wait "$running"; then
  echo "the run ended on the full disk" && exit 4
fi
find "$disk/run" -type f >"$kept/files.log"
dd if=/dev/zero of="$disk/fill" bs=64k oflag=append conv=notrunc 2>/dev/null || true
if "$sluice" train --resume --out "$disk/run" >"$kept/refused.log" 2>&1; then
  echo "the run was resumed on the full disk" && exit 6
fi
rm "$disk/fill"
"$sluice" train --resume --out "$disk/run" >"$kept/resumed.log" 2>&1 || { cat "$kept/resumed.log"; exit 5; }
cp -r "$disk/run" "$kept/run"
