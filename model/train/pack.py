#!/usr/bin/env python3
"""Pack speech sets for training and evaluation:  pack.py --speech ../shared/speech --out DATA [SET ...]"""

import argparse
import pathlib

from fold import data

if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--speech", required=True, help="folder with one folder per set")
    ap.add_argument("--out", required=True)
    ap.add_argument("sets", nargs="*", help="default: all")
    args = ap.parse_args()
    for name in args.sets or sorted(p.parent.name for p in pathlib.Path(args.speech).glob("*/manifest.tsv")):
        if (pathlib.Path(args.out) / f"{name}.tsv").exists():
            continue
        print(f"{name}: {data.pack(pathlib.Path(args.speech) / name, args.out):.2f} h", flush=True)
