#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the trained weights as plate.traineddata, by Tesseract's own tools: the symbols and an untrained network of
SPEC come from lstmtraining, tess_net.fill() puts the weights in, combine_tessdata turns them into the integer form."""
import argparse
import os
import shutil
import subprocess
import sys

import numpy as np
import torch
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
from tess_net import HEIGHT, SPEC, SPECIAL, WIDTH, Plate, fill  # noqa: E402
from texts import SYMBOLS  # noqa: E402


def call(folder, *command):
    r = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "OMP_THREAD_LIMIT": "1"})
    if r.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {r.returncode}\n{r.stdout}{r.stderr}")


def template(folder):
    """An untrained plate.traineddata of SPEC in folder, unpacked as t.lstm and so on."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "script"))
    os.makedirs(os.path.join(folder, "out"))
    with open(os.path.join(folder, "all.txt"), "w", encoding="utf-8") as f:
        f.write("".join(SYMBOLS) + "\n")
    with open(os.path.join(folder, "script", "radical-stroke.txt"), "w", encoding="utf-8") as f:
        f.write("# none\n")  # must be there and not be empty
    call(folder, "unicharset_extractor", "--output_unicharset", "u", "--norm_mode", "1", "all.txt")
    call(folder, "combine_lang_model", "--input_unicharset", "u", "--script_dir", "script", "--output_dir", "out",
         "--lang", "plate", "--pass_through_recoder")
    with open(os.path.join(folder, "out", "plate", "plate.unicharset"), encoding="utf-8") as f:
        n = int(f.readline())
        codes = [line.split(" ")[0] for line in f]
    if codes[SPECIAL:] != SYMBOLS or n != len(SYMBOLS) + SPECIAL:
        raise RuntimeError("Tesseract numbers the symbols otherwise than texts.py does")
    Image.fromarray(np.full((HEIGHT, WIDTH), 200, np.uint8)).save(os.path.join(folder, "x.png"))
    with open(os.path.join(folder, "x.box"), "w", encoding="utf-8") as f:  # one line of any text: lstmtraining wants data
        f.write(f"WordStr 0 0 {WIDTH} {HEIGHT} 0 #皖A12345\n\t 0 0 {WIDTH} {HEIGHT} 0\n")
    call(folder, "tesseract", "x.png", "x", "--psm", "13", "-l", "eng", "lstm.train")
    with open(os.path.join(folder, "list"), "w", encoding="utf-8") as f:
        f.write(os.path.join(os.path.abspath(folder), "x.lstmf") + "\n")
    data = os.path.join("out", "plate", "plate.traineddata")
    call(folder, "lstmtraining", "--traineddata", data, "--net_spec", SPEC.format(n=n), "--model_output", "p",
         "--train_listfile", "list", "--max_iterations", "1")
    call(folder, "lstmtraining", "--stop_training", "--continue_from", "p_checkpoint", "--traineddata", data,
         "--model_output", "plate.traineddata")
    call(folder, "combine_tessdata", "-u", "plate.traineddata", "t.")


def export(net, folder, out, integer=True):
    template(folder)
    path = os.path.join(folder, "t.lstm")
    with open(path, "rb") as f:
        component = f.read()
    with open(path, "wb") as f:
        f.write(fill(component, net))
    call(folder, "combine_tessdata", "-o", "plate.traineddata", "t.lstm")
    if integer:
        call(folder, "combine_tessdata", "-c", "plate.traineddata")
    shutil.copyfile(os.path.join(folder, "plate.traineddata"), out)


def load(checkpoint):
    """(averaged net, what the checkpoint says)."""
    s = torch.load(checkpoint)
    net = Plate(len(SYMBOLS))
    net.load_state_dict(s["mean"])
    return net.eval(), s


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: tess_export.py --work /tmp/reader --out plate.traineddata")
    ap.add_argument("--work", required=True, help="folder of the checkpoint")
    ap.add_argument("--out", required=True)
    ap.add_argument("--float", action="store_true", help="keep the weights as they are")
    a = ap.parse_args()
    net, _ = load(os.path.join(a.work, "tess.pt"))
    export(net, os.path.join(a.work, "template"), a.out, not a.float)
    print(f"{a.out}: {os.path.getsize(a.out)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
