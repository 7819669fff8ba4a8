"""Copies the libraries that an image's programs need, of another architecture too, which ldd cannot:

    libraries.py TRIPLET IMAGE

and writes IMAGE/usr/share/foldscribe/packages.txt, the Debian packages that they come from, with versions, and what
scanners read, IMAGE/var/lib/dpkg/status.d.
"""

import pathlib
import re
import shutil
import subprocess
import sys


def needed(file):
    """(sonames, interpreter) of an ELF file."""
    text = subprocess.run(["readelf", "-dlW", file], capture_output=True, text=True, check=True).stdout
    interpreter = re.search(r"program interpreter: (\S+)\]", text)
    return re.findall(r"\(NEEDED\).*\[(.+)\]", text), interpreter and interpreter[1]


def main(triplet, image):
    image = pathlib.Path(image)
    folders = [pathlib.Path(f) for f in (f"/usr/lib/{triplet}", f"/lib/{triplet}")]
    programs = [p for p in image.rglob("*") if p.is_file() and p.parent.name in ("sbin", "foldscribe") and
                p.read_bytes()[:4] == b"\x7fELF"]
    wanted, seen, files = [], set(), set()
    for program in programs:
        names, interpreter = needed(program)
        wanted += names
        target = image / interpreter.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        source = pathlib.Path(interpreter)
        if not source.exists():  # a cross compiler's
            source = next(f / source.name for f in folders if (f / source.name).exists())
        shutil.copy(source.resolve(), target)
        files.add(source.resolve())
    while wanted:
        name = wanted.pop()
        if name in seen or name.startswith("ld-linux"):
            continue
        seen.add(name)
        source = next(f / name for f in folders if (f / name).exists()).resolve()
        files.add(source)
        target = image / "usr/lib" / triplet / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        wanted += needed(source)[0]
    owners = set()
    for file in files:
        for path in (file, str(file).removeprefix("/usr")):
            said = subprocess.run(["dpkg", "-S", path], capture_output=True, text=True)
            if said.returncode == 0:
                owners.add(said.stdout.split(": ")[0].split(",")[0])
                break
    lines = []
    status = image / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for owner in sorted(owners):
        record = subprocess.run(["dpkg", "-s", owner], capture_output=True, text=True, check=True).stdout
        (status / owner.split(":")[0]).write_text(record)
        lines.append(f"{owner.split(':')[0]} {re.search(r'^Version: (.*)', record, re.M)[1]}\n")
    (image / "usr/share/foldscribe/packages.txt").write_text("".join(lines))
    print("".join(lines), end="")


main(*sys.argv[1:])
