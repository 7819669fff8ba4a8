#!/usr/bin/env python3
"""Write a wav2vec 2.0 or HuBERT checkpoint of `transformers` as a model file, every layer as it is.

    import_transformers.py --from FOLDER --out seed.safetensors

FOLDER: what save_pretrained made, or a checkpoint as it is published: config.json, model.safetensors or pytorch_model.bin,
vocab.json where there is a CTC head, preprocessor_config.json. Wav2Vec2ForCTC, HubertForCTC, and plain encoders; an encoder
without a head gets one that writes nothing, and is there to be trained (fold_foundation.py folds, trains and compares).
"""

import argparse
import pathlib

from fold import folding, seedfile
from fold.checkpoint import Checkpoint, Refused


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--from", dest="source", required=True, metavar="FOLDER")
    ap.add_argument("--out", required=True, metavar="FILE")
    ap.add_argument("--dtype", default="i8", choices=["i8", "f16", "f32"], help="of the matrices")
    ap.add_argument("--name", help="the model's name, shown to clients; default: that of FOLDER")
    args = ap.parse_args()
    try:
        checkpoint = Checkpoint(args.source)
    except Refused as why:
        raise SystemExit(f"{args.source}: {why}") from None
    model = folding.build(checkpoint, folding.whole(checkpoint.layers)).eval()
    if not checkpoint.has_head:
        model.exit.head.weight.data.zero_()
        model.exit.head.bias.data.zero_()
        print("no CTC head (lm_head.weight): this file writes nothing until it is trained")
    size = seedfile.save(args.out, model, args.name or pathlib.Path(args.source).resolve().name, args.dtype)
    print(f"{args.out}: {checkpoint.layers} layers x {checkpoint.d}, {sum(p.numel() for p in model.parameters()) / 1e6:.1f} M "
          f"parameters, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
