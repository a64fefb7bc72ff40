"""In which numbers a device computes fast."""

import torch


def computes_bf16(device: torch.device | str) -> bool:
    """Whether the device computes bfloat16 natively, not by way of float32."""
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    able = torch.cpu.get_capabilities()
    return any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
