"""Lists the shared libraries in the jars of LibTorch on Maven Central or in a wheel of PyTorch, and what each needs.

    python libtorch_files.py PLATFORM PYTORCH.jar OPENBLAS.jar >src/test/resources/libtorch/PLATFORM.txt
    python libtorch_files.py PLATFORM TORCH.whl >src/test/resources/libtorch/pip-PLATFORM.txt

A line is the artifact, a library, and those of these files that it is linked to; $ORIGIN among them
says that the system looks for them beside it. JavaCPP's own libraries (jni...) are left out, and so
are Python's. Needs nothing but Python.
"""

import struct
import sys
import zipfile


def mach(data):
    if data[:4] == b"\xca\xfe\xba\xbe":  # several processors in one file
        for i in range(struct.unpack(">I", data[4:8])[0]):
            cpu, _, at, size, _ = struct.unpack(">5I", data[8 + 20 * i : 28 + 20 * i])
            if cpu == 0x0100000C:
                return mach(data[at : at + size])
    at, names = 32, []
    for _ in range(struct.unpack("<I", data[16:20])[0]):
        command, size = struct.unpack("<2I", data[at : at + 8])
        if command in (0xC, 0x80000018, 0x8000001F):
            name = at + struct.unpack("<I", data[at + 8 : at + 12])[0]
            names.append(data[name : at + size].split(b"\0")[0])
        at += size
    return names


def portable(data):
    head = struct.unpack("<I", data[0x3C:0x40])[0]
    count, options = struct.unpack("<H12xH", data[head + 6 : head + 22])
    table = head + 24 + options
    sections = [struct.unpack("<4I", data[table + 40 * i + 8 : table + 40 * i + 24]) for i in range(count)]

    def place(address):
        return next(address - start + at for size, start, raw, at in sections if start <= address < start + max(size, raw))

    names = []
    at = place(struct.unpack("<I", data[head + 24 + 120 : head + 24 + 124])[0])
    while name := struct.unpack("<I", data[at + 12 : at + 16])[0]:
        names.append(data[place(name) :][:100].split(b"\0")[0])
        at += 20
    return names


def elf(data):
    start, size, count = struct.unpack("<Q10xHH", data[32:40] + data[40:50] + data[54:58])
    segments = [struct.unpack("<2I6Q", data[start + size * i : start + size * i + 56]) for i in range(count)]
    dynamic = next(s for s in segments if s[0] == 2)
    entries = list(struct.iter_unpack("<2Q", data[dynamic[2] : dynamic[2] + dynamic[5]]))
    strings = dict(entries)[5]
    strings += next(s[2] - s[3] for s in segments if s[0] == 1 and s[3] <= strings < s[3] + s[5])
    names = [data[strings + at :][:100].split(b"\0")[0] for tag, at in entries if tag in (1, 15, 29)]
    return [name for name in names if b"/" not in name]


def main(platform, *jars):
    found = {}
    for artifact, jar in zip(("pytorch", "openblas") if len(jars) > 1 else ("pip",), jars):
        folder = "torch/lib/" if artifact == "pip" else f"/{platform}/"
        with zipfile.ZipFile(jar) as archive:
            for path in archive.namelist():
                name = path.rsplit("/", 1)[-1]
                if folder not in path or "jni" in name or not name:
                    continue
                if "/lib/" in path.split(folder, 1)[1] or name.endswith(("python.so", "test.so")):
                    continue
                read = {"dylib": mach, "dll": portable}.get(name.rsplit(".", 1)[-1])
                if read is None and ".so" in name:
                    read = elf
                if read:
                    found[name] = artifact, read(archive.read(path))
    for name, (artifact, needs) in sorted(found.items()):
        needs = sorted(n.decode().rsplit("/", 1)[-1] for n in needs)
        print(artifact, name, *[n for n in needs if n in found and n != name or n == "$ORIGIN"])


main(*sys.argv[1:])
