"""Reference convolutions and their gradients, from PyTorch: python conv.py > conv.json (torch).

Element j of the images, weights and bias is sin(0.37 j + o) with o = 0, 1, 2; of the output gradient 0.5 + sin(0.37 j + 3).
"""
import json
import math

import torch
import torch.nn.functional as F


def wave(shape, offset):
    return torch.sin(0.37 * torch.arange(math.prod(shape), dtype=torch.float64) + offset).reshape(shape).requires_grad_()


def case(transposed, channels, size, kernel, stride, padding, extra=(0, 0, 0)):
    i, o = channels
    x = wave([2, i, *size], 0)
    w = wave([i, o, *kernel] if transposed else [o, i, *kernel], 1)
    b = wave([o], 2)
    y = F.conv_transpose3d(x, w, b, stride, padding, extra) if transposed else F.conv3d(x, w, b, stride, padding)
    y.backward(wave(list(y.shape), 3).detach() + 0.5)
    flat = lambda t: [round(v, 6) for v in t.flatten().tolist()]
    return {"transposed": transposed, "channels": channels, "size": size, "kernel": kernel, "stride": stride,
            "padding": padding, "extra": extra, "output": flat(y.detach()), "images": flat(x.grad), "weights": flat(w.grad),
            "bias": flat(b.grad)}


print(json.dumps([
    case(False, [3, 5], [4, 5, 6], [3, 3, 3], [1, 1, 1], [1, 1, 1]),
    case(False, [2, 3], [5, 6, 7], [3, 3, 3], [2, 2, 2], [1, 1, 1]),
    case(False, [1, 17], [1, 4, 5], [1, 3, 3], [1, 2, 2], [0, 1, 1]),
    case(False, [18, 2], [2, 2, 2], [1, 1, 1], [1, 1, 1], [0, 0, 0]),
    case(False, [2, 2], [2, 1, 3], [5, 5, 5], [1, 1, 1], [2, 2, 2]),
    case(False, [2, 3], [4, 4, 5], [2, 2, 2], [2, 2, 2], [0, 0, 0]),
    case(True, [3, 2], [2, 3, 4], [2, 2, 2], [2, 2, 2], [0, 0, 0]),
    case(True, [2, 3], [1, 3, 4], [1, 2, 2], [1, 2, 2], [0, 0, 0]),
    case(True, [2, 2], [3, 3, 2], [3, 3, 3], [2, 2, 2], [1, 1, 1]),
    case(True, [2, 3], [2, 3, 2], [3, 3, 3], [2, 2, 2], [1, 1, 1], [1, 1, 1]),
    case(True, [3, 1], [1, 3, 4], [1, 3, 3], [1, 2, 3], [0, 1, 1], [0, 1, 2]),
]))
