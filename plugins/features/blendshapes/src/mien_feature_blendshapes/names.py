"""What the weights are called, and the points of the face mesh that they are told by: face_blendshapes_graph.cc."""

_SIDES = ("Left", "Right")
NAMES: tuple[str, ...] = (
    "neutral",
    *(f"browDown{side}" for side in _SIDES),
    "browInnerUp",
    *(f"browOuterUp{side}" for side in _SIDES),
    "cheekPuff",
    *(f"cheekSquint{side}" for side in _SIDES),
    *(f"eye{what}{side}"
      for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide") for side in _SIDES),
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose",
    *(f"mouth{what}{side}" for what in ("Dimple", "Frown") for side in _SIDES),
    "mouthFunnel",
    "mouthLeft",
    *(f"mouth{what}{side}" for what in ("LowerDown", "Press") for side in _SIDES),
    "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *(f"mouth{what}{side}" for what in ("Smile", "Stretch", "UpperUp") for side in _SIDES),
    *(f"noseSneer{side}" for side in _SIDES),
)  # fmt: skip
"""52, in the order of the network; left and right are the subject's."""
POINTS: tuple[int, ...] = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78,
    80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152,
    153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246,
    249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312,
    314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381,
    382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472,
    473, 474, 475, 476, 477,
)  # fmt: skip
"""146 of the mesh's 478."""
