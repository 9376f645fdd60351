"""The network as MONAI's inferers call it: images in, probabilities out.

MONAI holds images as [batch, channel, x, y, z], the network was trained on [batch, channel, z, y, x]. segspec averages
probabilities, not logits, over windows and flips: hence they are computed here.
"""

from itertools import combinations

import torch
from torch import nn

from .model import load

# Whether the network takes slices [batch, channel, y, x].
FLAT = False
# Softmax over the outputs; else a sigmoid of each.
SOFTMAX = True
# Axes (0: z, 1: y, 2: x) over all of whose flips probabilities are averaged.
MIRROR_AXES = []
# Pairs of outputs that change places if x is flipped.
MIRRORED_OUTPUTS = []


class Probabilities(nn.Module):
    """Takes images [batch, channel, x, y, z] and returns probabilities [batch, output, x, y, z]."""

    def __init__(self, path):
        super().__init__()
        self.network = load(path)

    def forward(self, images):
        images = images.permute(0, 1, 4, 3, 2)
        flips = [axes for count in range(len(MIRROR_AXES) + 1) for axes in combinations(MIRROR_AXES, count)]
        total = sum(self.flipped(images, [axis + 2 for axis in axes]) for axes in flips)
        return (total / len(flips)).permute(0, 1, 4, 3, 2)

    def flipped(self, images, axes):
        found = self.probabilities(images.flip(axes)).flip(axes)
        if 4 not in axes:
            return found
        order = list(range(found.shape[1]))
        for one, other in MIRRORED_OUTPUTS:
            order[one], order[other] = order[other], order[one]
        return found[:, order]

    def probabilities(self, images):
        logits = self.network(images.squeeze(2)).unsqueeze(2) if FLAT else self.network(images)
        return torch.softmax(logits, dim=1) if SOFTMAX else torch.sigmoid(logits)
