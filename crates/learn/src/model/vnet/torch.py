def layers(features, count, kernel, norm, activation):
    """Convolutions with the same number of features."""
    block = [features, features], kernel, 1, norm, activation
    return nn.Sequential(*(ConvNormAct(*block, bias=False) for _ in range(count)))


class Input(nn.Module):
    """Adds the image, repeated over all feature maps, to the output of its layers."""

    def __init__(self, channels, features, count, kernel, norm, activation):
        super().__init__()
        self.conv = conv([channels, features], kernel, bias=False)
        self.norm = norm_layer(norm, features)
        self.layers = layers(features, count - 1, kernel, norm, activation)
        self.activation = activation_layer(activation, features)
        self.repeats = [1, features // channels] + [1] * DIMENSIONS

    def forward(self, x):
        return self.activation(self.layers(self.norm(self.conv(x))) + x.repeat(self.repeats))


class Down(nn.Module):
    """An encoder stage: a strided convolution, then layers with a skip connection around them."""

    def __init__(self, channels, stride, count, kernel, norm, activation):
        super().__init__()
        features = channels[1]
        self.conv = Conv(*channels, stride, stride, bias=False)
        self.norm = norm_layer(norm, features)
        self.activation = activation_layer(activation, features)
        self.layers = layers(features, count, kernel, norm, activation)
        self.last_activation = activation_layer(activation, features)

    def forward(self, x):
        x = self.activation(self.norm(self.conv(x)))
        return self.last_activation(self.layers(x) + x)


class Up(nn.Module):
    """A decoder stage: half of its feature maps come from the coarser stage, half from the skip connection."""

    def __init__(self, coarse, features, stride, count, kernel, norm, activation):
        super().__init__()
        self.conv = ConvTranspose(coarse, features, stride, stride)
        self.norm = norm_layer(norm, features)
        self.activation = activation_layer(activation, features)
        self.layers = layers(2 * features, count, kernel, norm, activation)
        self.last_activation = activation_layer(activation, 2 * features)

    def forward(self, x, skip):
        x = torch.cat([self.activation(self.norm(self.conv(x))), skip], dim=1)
        return self.last_activation(self.layers(x) + x)


class VNet(nn.Module):
    """V-Net (Milletari 2016), as MONAI builds it."""

    def __init__(self, channels, outputs, features, strides, kernels, blocks, decoder_blocks, norm, activation):
        super().__init__()
        self.input = Input(channels, features[0], blocks[0], kernels[0], norm, activation)
        stages = range(1, len(features))
        self.down = nn.ModuleList(
            Down(features[at - 1 : at + 1], strides[at], blocks[at], kernels[at], norm, activation) for at in stages
        )
        self.up = nn.ModuleList()
        width = features[-1]
        for at in reversed(range(len(features) - 1)):
            self.up.append(
                Up(width, features[at], strides[at + 1], decoder_blocks[at], kernels[at], norm, activation)
            )
            width = 2 * features[at]
        self.output = ConvNormAct([width, outputs], kernels[0], 1, norm, activation, bias=False)
        self.head = pointwise([outputs, outputs])

    def forward(self, x):
        x = self.input(x)
        skips = []
        for down in self.down:
            skips.append(x)
            x = down(x)
        for up in self.up:
            x = up(x, skips.pop())
        return self.head(self.output(x))
