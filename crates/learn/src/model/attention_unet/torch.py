def overlapping_upsample(channels, kernel, stride):
    """A transposed convolution that enlarges by its stride, with the kernel of its stage."""
    kernel = [max(edge, step) for edge, step in zip(kernel, stride)]
    padding = [(edge - 1) // 2 for edge in kernel]
    extra = [step + 2 * pad - edge for step, pad, edge in zip(stride, padding, kernel)]
    return ConvTranspose(*channels, kernel, stride, padding, extra)


class Gate(nn.Module):
    """Additive attention gate: weights each voxel of the skip connection by a factor between 0 and 1."""

    def __init__(self, features, norm):
        super().__init__()
        inner = max(features // 2, 1)
        self.gating = pointwise([features, inner])
        self.gating_norm = norm_layer(norm, inner)
        self.skip = pointwise([features, inner])
        self.skip_norm = norm_layer(norm, inner)
        self.psi = pointwise([inner, 1])
        self.psi_norm = norm_layer(norm, 1)

    def forward(self, gating, skip):
        seen = self.gating_norm(self.gating(gating)) + self.skip_norm(self.skip(skip))
        return skip * torch.sigmoid(self.psi_norm(self.psi(F.relu(seen))))


class Decoder(nn.Module):
    """Enlarges the coarser map, weights the skip connection by attention, and merges the two."""

    def __init__(self, coarse, fine, kernel, stride, norm, activation):
        super().__init__()
        self.upsample = overlapping_upsample([coarse, fine], kernel, stride)
        self.norm = norm_layer(norm, fine)
        self.activation = activation_layer(activation, fine)
        self.gate = Gate(fine, norm)
        self.merge = conv([2 * fine, fine], kernel)
        self.merge_norm = InstanceNorm(fine)
        self.merge_activation = nn.PReLU()

    def forward(self, x, skip):
        enlarged = self.activation(self.norm(self.upsample(x)))
        joined = torch.cat([self.gate(enlarged, skip), enlarged], dim=1)
        return self.merge_activation(self.merge_norm(self.merge(joined)))


class AttentionUNet(nn.Module):
    """Attention U-Net (Oktay 2018): a U-Net whose skip connections pass through attention gates."""

    def __init__(self, channels, outputs, features, strides, kernels, blocks, norm, activation):
        super().__init__()
        width = channels
        self.encoder = nn.ModuleList()
        for count, wider, kernel, stride in zip(blocks, features, kernels, strides):
            self.encoder.append(stage(ConvNormAct, count, [width, wider], kernel, stride, norm, activation))
            width = wider
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(features) - 1)):
            fine = features[level]
            self.decoder.append(Decoder(width, fine, kernels[level], strides[level + 1], norm, activation))
            width = fine
        self.head = pointwise([width, outputs])

    def forward(self, x):
        skips = []
        for down in self.encoder:
            x = down(x)
            skips.append(x)
        skips.pop()
        for up in self.decoder:
            x = up(x, skips.pop())
        return self.head(x)
