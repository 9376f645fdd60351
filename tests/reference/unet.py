"""Reference outputs of the U-Net, from PyTorch: python unet.py > unet.json (torch).

Parameters are filled by a formula in the order of the module, so that no weights need to be stored:
parameter i, element j is 0.2 sin(0.37 j + i), plus one for the scales of norms.
"""
import json
import math

import torch
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, i, o, kernel, stride):
        super().__init__()
        pad = [k // 2 for k in kernel]
        self.f = nn.Sequential(
            nn.Conv3d(i, o, kernel, stride, pad), nn.InstanceNorm3d(o, affine=True), nn.LeakyReLU(0.01),
            nn.Conv3d(o, o, kernel, 1, pad), nn.InstanceNorm3d(o, affine=True), nn.LeakyReLU(0.01))

    def forward(self, x):
        return self.f(x)


class UNet(nn.Module):
    def __init__(self, features, kernels, strides, channels, classes):
        super().__init__()
        self.enc, self.up, self.dec = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        p = channels
        for c, k, s in zip(features, kernels, strides):
            self.enc.append(Block(p, c, k, s))
            p = c
        for i in reversed(range(len(features) - 1)):
            self.up.append(nn.ConvTranspose3d(features[i + 1], features[i], strides[i + 1], strides[i + 1]))
            self.dec.append(Block(2 * features[i], features[i], kernels[i], 1))
        self.head = nn.Conv3d(features[0], classes, 1)

    def forward(self, x):
        skips = []
        for b in self.enc:
            x = b(x)
            skips.append(x)
        skips.pop()
        for u, b in zip(self.up, self.dec):
            x = b(torch.cat([u(x), skips.pop()], 1))
        return self.head(x)


def wave(n, i):
    return torch.sin(0.37 * torch.arange(n, dtype=torch.float64) + i)


def case(features, kernels, strides, channels, classes, size):
    net = UNet(features, kernels, strides, channels, classes).double()
    with torch.no_grad():
        for i, p in enumerate(net.parameters()):
            values = 0.2 * wave(p.numel(), i).reshape(p.shape)
            is_scale = p.dim() == 1 and any(p is m.weight for m in net.modules() if isinstance(m, nn.InstanceNorm3d))
            p.copy_(values + (1.0 if is_scale else 0.0))
    n = channels * math.prod(size) * 2
    x = wave(n, 0.5).reshape(2, channels, *size)
    y = net(x)
    loss = (y * wave(y.numel(), 0.1).reshape(y.shape)).mean()
    loss.backward()
    first = next(net.parameters())
    return {"features": features, "kernels": kernels, "strides": strides, "channels": channels, "classes": classes,
            "size": size, "output": y.flatten().tolist(), "gradient": first.grad.flatten().tolist(),
            "parameters": sum(p.numel() for p in net.parameters())}


print(json.dumps([
    case([4, 6, 8], [[3, 3, 3]] * 3, [[1, 1, 1], [2, 2, 2], [2, 2, 2]], 2, 3, [8, 8, 4]),
    case([4, 6], [[1, 3, 3], [3, 3, 3]], [[1, 1, 1], [1, 2, 2]], 1, 2, [3, 4, 6]),
    case([4, 8], [[1, 3, 3], [1, 3, 3]], [[1, 1, 1], [1, 2, 2]], 1, 2, [1, 8, 8]),
]))
