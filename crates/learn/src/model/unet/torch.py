class UNet(nn.Module):
    """U-Net: strided convolutions down, transposed convolutions up, skip connections by concatenation."""

    def __init__(
        self, channels, outputs, features, strides, kernels, blocks, decoder_blocks, residual, norm, activation
    ):
        super().__init__()
        width = channels
        self.stem = nn.Identity()
        if residual:
            width = features[0]
            self.stem = ConvNormAct([channels, width], kernels[0], [1] * DIMENSIONS, norm, activation)
        self.encoder = nn.ModuleList()
        for count, wider, kernel, stride in zip(blocks, features, kernels, strides):
            block = Residual if residual else ConvNormAct
            self.encoder.append(stage(block, count, [width, wider], kernel, stride, norm, activation))
            width = wider
        self.upsamples = nn.ModuleList()
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(features) - 1)):
            fine, stride = features[level], strides[level + 1]
            self.upsamples.append(ConvTranspose(width, fine, stride, stride))
            joined = [2 * fine, fine], kernels[level], [1] * DIMENSIONS
            self.decoder.append(stage(ConvNormAct, decoder_blocks, *joined, norm, activation))
            width = fine
        self.head = pointwise([width, outputs])

    def forward(self, x):
        x = self.stem(x)
        skips = []
        for down in self.encoder:
            x = down(x)
            skips.append(x)
        skips.pop()
        for upsample, up in zip(self.upsamples, self.decoder):
            x = up(torch.cat([upsample(x), skips.pop()], dim=1))
        return self.head(x)
