"""Small weights of other frameworks, to be imported: python weights.py (torch, monai, transformers, safetensors)

Writes segformer-tiny.safetensors, a SegFormer with the names of checkpoints on the Hugging Face hub, in 16 bits, and attention-tiny.pt, a MONAI
AttentionUnet as a training script saves it. Values by architecture.py's formula; weights.json holds outputs for an input by that formula.
"""
import json
import re
from pathlib import Path

import torch
from monai.networks.nets import AttentionUnet
from safetensors.torch import save_file
from transformers import SegformerConfig, SegformerForSemanticSegmentation

import architecture

HERE = Path(__file__).parent
HUB = [
    (r"segformer\.stages\.(\d+)\.patch_embeddings\.", r"segformer.encoder.patch_embeddings.\1."),
    (r"segformer\.stages\.(\d+)\.layer_norm\.", r"segformer.encoder.layer_norm.\1."),
    (r"segformer\.stages\.(\d+)\.blocks\.(\d+)\.", r"segformer.encoder.block.\1.\2."),
    (r"\.layernorm_before\.", ".layer_norm_1."),
    (r"\.layernorm_after\.", ".layer_norm_2."),
    (r"attention\.q_proj", "attention.self.query"),
    (r"attention\.k_proj", "attention.self.key"),
    (r"attention\.v_proj", "attention.self.value"),
    (r"attention\.o_proj", "attention.output.dense"),
    (r"attention\.sequence_reduction\.sequence_reduction", "attention.self.sr"),
    (r"attention\.sequence_reduction\.layer_norm", "attention.self.layer_norm"),
    (r"mlp\.fc1", "mlp.dense1"),
    (r"mlp\.fc2", "mlp.dense2"),
    (r"decode_head\.linear_projections", "decode_head.linear_c"),
]


def hub_name(name):
    for pattern, new in HUB:
        name = re.sub(pattern, new, name)
    return name


def halved(network):
    """Weights that 16 bits hold."""
    network.load_state_dict({k: v.half().float() if v.dtype.is_floating_point else v for k, v in network.state_dict().items()})
    return network


def run(network, shape):
    images = torch.from_numpy(architecture.noise("input", torch.Size(shape).numel())).float().reshape(shape)
    with torch.no_grad():
        output = network(images)
    if hasattr(output, "logits"):
        output = torch.nn.functional.interpolate(output.logits, size=shape[2:], mode="bilinear", align_corners=False)
    return {"shape": shape, "values": [float(f"{v:.8g}") for v in output.flatten().double()[:: max(1, output.numel() // 200)].tolist()]}


def main():
    config = SegformerConfig(num_labels=2, hidden_sizes=[8, 8, 10, 16], depths=[1, 1, 1, 1], decoder_hidden_size=8)
    segformer = halved(architecture.filled(SegformerForSemanticSegmentation(config)))
    state = {hub_name(k): v.half().contiguous() for k, v in segformer.state_dict().items() if v.dtype.is_floating_point}
    save_file(state, HERE / "segformer-tiny.safetensors")
    attention = architecture.filled(AttentionUnet(2, 1, 2, (4, 6), (2,)))
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in attention.state_dict().items()}}
    torch.save(wrapped, HERE / "attention-tiny.pt")
    result = {"segformer": run(segformer, [1, 3, 32, 64]), "attention": run(attention, [1, 1, 16, 24])}
    # A grey image in all three channels: what one channel gives after import.
    images = torch.from_numpy(architecture.noise("input", 32 * 64)).float().reshape(1, 1, 32, 64).repeat(1, 3, 1, 1)
    with torch.no_grad():
        logits = segformer(images).logits
    logits = torch.nn.functional.interpolate(logits, size=(32, 64), mode="bilinear", align_corners=False)
    result["grey"] = {"shape": [1, 1, 32, 64], "values": [float(f"{v:.8g}") for v in logits.flatten().double()[:: max(1, logits.numel() // 200)].tolist()]}
    (HERE / "weights.json").write_text(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
