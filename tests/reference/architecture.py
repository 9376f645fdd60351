"""Outputs of the reference implementations of the architectures: python architecture.py > architecture.json
(torch, torchvision, monai, dynamic-network-architectures, transformers, safetensors)

Element j of a tensor is made from its name: u = hash(crc32(name) + j) in [-1, 1), see `noise`; weights of layers are u · √(3 / fan-in), scales of
norms 1 + 0.2 u, slopes of PReLUs 0.25 + 0.2 u, running variances 1 + 0.5 u, biases and running means 0.2 u. Inputs are u of the name "input".
Of each output about 512 elements at equal distances are kept; SegFormer's is enlarged to the size of its input.
"""
import json
import zlib

import numpy as np
import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from monai.networks.nets import AttentionUnet, VNet
from torchvision.models import resnet18, resnet34
from transformers import SegformerConfig, SegformerForSemanticSegmentation

KEPT = 512


def noise(name, count):
    x = (np.arange(count, dtype=np.uint64) + np.uint64(zlib.crc32(name.encode()))) & np.uint64(0xFFFFFFFF)
    x = (x * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(13)
    return x.astype(np.float64) / 2.0**31 - 1.0


def values(name, shape):
    u = noise(name, int(np.prod(shape))).reshape(shape)
    if len(shape) > 1:
        return u * np.sqrt(3.0 / np.prod(shape[1:]))
    if "act_function" in name or "adn.A" in name:
        return 0.25 + 0.2 * u
    if name.endswith("running_var"):
        return 1 + 0.5 * u
    return 1 + 0.2 * u if name.endswith("weight") else 0.2 * u


def canonical(name):
    """nnU-Net's blocks hold their layers twice, and its decoder holds the encoder."""
    name = name.removeprefix("decoder.") if name.startswith("decoder.encoder.") else name
    return name.replace("all_modules.0.", "conv.").replace("all_modules.1.", "norm.")


def filled(network):
    state = network.state_dict()
    for name, tensor in state.items():
        if tensor.dtype.is_floating_point:
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(values(canonical(name), tuple(tensor.shape)))))
    return network.eval()


def case(name, network, shape, **plan):
    network = filled(network)
    images = torch.from_numpy(noise("input", int(np.prod(shape)))).float().reshape(shape)
    with torch.no_grad():
        output = network(images)
    if hasattr(output, "logits"):
        output = torch.nn.functional.interpolate(output.logits, size=shape[2:], mode="bilinear", align_corners=False)
    flat = output.flatten().double()
    step = max(1, flat.numel() // KEPT)
    return {"name": name, "shape": shape, "outputs": list(output.shape), "step": step,
            "parameters": sum(p.numel() for p in network.parameters()), "values": [float(f"{v:.8g}") for v in flat[::step].tolist()], **plan}


def nnunet(kind, dimensions, channels, features, strides, kernels, blocks, decoder, supervision):
    conv, norm = (torch.nn.Conv2d, torch.nn.InstanceNorm2d) if dimensions == 2 else (torch.nn.Conv3d, torch.nn.InstanceNorm3d)
    counts = {"n_blocks_per_stage": blocks} if kind is ResidualEncoderUNet else {"n_conv_per_stage": blocks}
    network = kind(input_channels=channels, n_stages=len(features), features_per_stage=features, conv_op=conv, kernel_sizes=kernels, strides=strides,
                   num_classes=3, n_conv_per_stage_decoder=decoder, conv_bias=True, norm_op=norm, norm_op_kwargs={"eps": 1e-5, "affine": True},
                   nonlin=torch.nn.LeakyReLU, nonlin_kwargs={"inplace": True}, deep_supervision=supervision, **counts)
    network.decoder.deep_supervision = False
    # The coarsest head is made, but its loss has no weight; without deep supervision only the finest is used.
    unused = network.decoder.seg_layers[:1] if supervision else network.decoder.seg_layers[:-1]
    return network, sum(p.numel() for p in unused.parameters())


def main():
    cases = []
    three = [[1, 1, 1], [2, 2, 2], [1, 2, 2]]
    plain, unused = nnunet(PlainConvUNet, 3, 2, [8, 16, 24], three, [[3, 3, 3], [3, 3, 3], [1, 3, 3]], [2, 1, 2], [2, 2], True)
    cases.append(case("plain", plain, [1, 2, 8, 16, 16], unused=unused))
    residual, unused = nnunet(ResidualEncoderUNet, 3, 1, [8, 16, 16], three, [[3, 3, 3]] * 3, [1, 3, 2], [1, 1], False)
    cases.append(case("residual", residual, [2, 1, 8, 16, 16], unused=unused))
    flat, unused = nnunet(ResidualEncoderUNet, 2, 1, [8, 8, 16], [[1, 1], [2, 2], [2, 2]], [[3, 3]] * 3, [1, 2, 1], [1, 1], False)
    cases.append(case("residual-2d", flat, [2, 1, 32, 24], unused=unused))
    cases.append(case("attention", AttentionUnet(3, 1, 3, (8, 16, 24), (2, 2)), [1, 1, 16, 16, 16]))
    cases.append(case("attention-2d", AttentionUnet(2, 3, 2, (8, 16, 16, 32), (2, 2, 2)), [2, 3, 32, 24]))
    cases.append(case("vnet", VNet(3, 2, 3, act="prelu"), [1, 2, 16, 16, 32]))
    cases.append(case("vnet-2d", VNet(2, 1, 2, act="prelu"), [2, 1, 48, 32]))
    for size, numbers in {"b0": {}, "b2": dict(hidden_sizes=[64, 128, 320, 512], depths=[3, 4, 6, 3], decoder_hidden_size=768)}.items():
        config = SegformerConfig(num_labels=3, **numbers)
        cases.append(case(f"segformer-{size}", SegformerForSemanticSegmentation(config), [2, 3, 64, 96]))
    cases.append(case("resnet-18", resnet18(num_classes=3), [2, 3, 64, 96]))
    cases.append(case("resnet-34", resnet34(num_classes=5), [2, 3, 96, 64]))
    print(json.dumps(cases).replace('{"name"', '\n{"name"'))


if __name__ == "__main__":
    main()
