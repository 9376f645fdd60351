"""segspec's windows over an image: the fewest that keep the overlap, evenly spaced from border to border.

MONAI's own inferer starts windows at multiples of the step, and its Gaussian is centred half a voxel off.
"""

from itertools import product
from math import ceil, exp

import torch
from monai.inferers import Inferer


class Windows(Inferer):
    """Averages the network's output over windows of size `roi_size`, with weights that fall off towards the borders."""

    def __init__(self, roi_size, overlap, mode, sigma_scale):
        super().__init__()
        self.size = roi_size
        self.overlap = overlap
        self.gaussian = mode == "gaussian"
        self.sigma = sigma_scale

    def __call__(self, inputs, network, *args, **kwargs):
        """Images [batch, channel, x, y, z] of any size."""
        shape = inputs.shape[2:]
        missing = [max(size - length, 0) for size, length in zip(self.size, shape)]
        # Pairs of the last axis come first; an odd voxel goes to the end.
        pads = [pad for gap in reversed(missing) for pad in (gap // 2, gap - gap // 2)]
        images = torch.nn.functional.pad(torch.as_tensor(inputs), pads)
        weights = self.weights(images)
        total, weight = 0, torch.zeros_like(images[:, :1])
        for start in product(*map(self.starts, images.shape[2:], self.size)):
            place = (..., *(slice(first, first + size) for first, size in zip(start, self.size)))
            found = network(images[place], *args, **kwargs) * weights
            if not torch.is_tensor(total):
                total = images.new_zeros((*found.shape[:2], *images.shape[2:]))
            total[place] += found
            weight[place] += weights
        inner = (..., *(slice(gap // 2, gap // 2 + length) for gap, length in zip(missing, shape)))
        return (total / weight)[inner]

    def starts(self, length, size):
        last = length - size
        count = ceil(last / max(size * (1 - self.overlap), 1))
        return [round(last / max(count, 1) * index) for index in range(count + 1)]

    def weights(self, images):
        weights = torch.ones(1, device=images.device, dtype=torch.float64)
        if not self.gaussian:
            return weights.to(images.dtype)
        for length in self.size:
            sigma, reach = length * self.sigma, int(4 * length * self.sigma + 0.5)
            distances = [abs(index - length // 2) for index in range(length)]
            profile = [exp(-0.5 * (it / sigma) ** 2) if it <= reach else 0 for it in distances]
            weights = weights[..., None] * weights.new_tensor(profile)
        weights = weights[0].to(images.dtype)
        return weights.clamp(min=weights[weights > 0].min())
