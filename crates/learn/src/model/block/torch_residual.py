class Residual(nn.Module):
    """Two convolutions; the skip connection is pooled if the size changes and projected if the features change."""

    def __init__(self, channels, kernel, stride, norm, activation):
        super().__init__()
        width = channels[1]
        self.first = ConvNormAct(channels, kernel, stride, norm, activation)
        self.second = conv([width, width], kernel)
        self.second_norm = norm_layer(norm, width)
        self.pool = AvgPool(stride, stride) if max(stride) > 1 else nn.Identity()
        changes = channels[0] != width
        self.projection = pointwise(channels, bias=False) if changes else nn.Identity()
        self.projection_norm = norm_layer(norm, width) if changes else nn.Identity()
        self.activation = activation_layer(activation, width)

    def forward(self, x):
        change = self.second_norm(self.second(self.first(x)))
        skip = self.projection_norm(self.projection(self.pool(x)))
        return self.activation(change + skip)
