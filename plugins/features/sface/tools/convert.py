"""Makes networks/sface.safetensors of OpenCV's face_recognition_sface_2021dec.onnx. Needs the package `onnx`.

    python plugins/features/sface/tools/convert.py face_recognition_sface_2021dec.onnx

Each normalization is folded into the layer before it, that before the last layer into the last one. Weights of
convolutions and of the last layer are kept in half precision. Prints how far the result lies from what OpenCV makes of
the file that was given, for noise as input.
"""

import argparse
import hashlib
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx
import safetensors.torch
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from mien_feature_sface.network import SIDE_PX, WIDTHS, SFaceNetwork

OUT = Path(__file__).parents[1] / "src/mien_feature_sface/networks/sface.safetensors"
SHA256 = "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79"
EPSILON = 1e-3
LAST_EPSILON = 2e-5
Arrays = dict[str, NDArray[np.float64]]


def normalization(arrays: Arrays, name: str, epsilon: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A factor and a summand for each channel."""
    factor = arrays[f"{name}_gamma"] / np.sqrt(arrays[f"{name}_moving_var"] + epsilon)
    return factor, arrays[f"{name}_beta"] - arrays[f"{name}_moving_mean"] * factor


def converted(arrays: Arrays) -> dict[str, torch.Tensor]:
    """The weights as `SFaceNetwork` takes them."""
    weights: dict[str, torch.Tensor] = {}
    names = ["conv_1", *(f"conv_{stage}{part}" for stage in range(2, len(WIDTHS) + 2) for part in ("_dw", ""))]
    for layer, name in enumerate(names):
        factor, summand = normalization(arrays, f"{name}_batchnorm", EPSILON)
        kernel = arrays[f"{name}_conv2d_weight"] * factor[:, None, None, None]
        weights[f"layers.{2 * layer}.weight"] = torch.from_numpy(kernel).half()
        weights[f"layers.{2 * layer}.bias"] = torch.from_numpy(summand).float()
        weights[f"layers.{2 * layer + 1}.weight"] = torch.from_numpy(arrays[f"{name}_relu_gamma"].ravel()).float()
    before, after = normalization(arrays, "bn1", LAST_EPSILON), normalization(arrays, "fc1", LAST_EPSILON)
    matrix = arrays["pre_fc1_weight"].reshape(len(arrays["pre_fc1_weight"]), WIDTHS[-1], -1)
    bias = arrays["pre_fc1_bias"] + np.einsum("ocp,c->o", matrix, before[1])
    matrix = (matrix * before[0][None, :, None] * after[0][:, None, None]).reshape(len(matrix), -1)
    weights["numbers.weight"] = torch.from_numpy(matrix).half()
    weights["numbers.bias"] = torch.from_numpy(bias * after[0] + after[1]).float()
    return weights


def main() -> None:
    """Convert, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("onnx", type=Path)
    path = parser.parse_args().onnx
    if (found := hashlib.sha256(path.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f"{path} is another file: its sha256 is {found}")
    stored = onnx.load(path).graph.initializer
    weights = converted({array.name: numpy_helper.to_array(array).astype(np.float64) for array in stored})
    safetensors.torch.save_file(weights, OUT)
    net, reference = SFaceNetwork(weights), cv2.dnn.readNetFromONNX(str(path))
    noise, distances = np.random.default_rng(0), []
    for _ in range(20):
        image = noise.integers(0, 256, (1, 3, SIDE_PX, SIDE_PX)).astype(np.float32)
        reference.setInput(image)
        expected = reference.forward()[0]
        ours = net(torch.from_numpy(image) / 127.5 - 1)[0].numpy()
        distances.append(float(np.linalg.norm(ours - expected / np.linalg.norm(expected))))
    digest = hashlib.sha256(OUT.read_bytes()).hexdigest()
    sys.stdout.write(f"{OUT.name}: sha256 {digest}; at most {max(distances):.1e} from OpenCV's\n")


if __name__ == "__main__":
    main()
