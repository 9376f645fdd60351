def norm_layer(name, features):
    """Normalisation with learnt scale and shift: per image and feature map, over the batch, or per group of feature maps."""
    if name == "instance":
        return InstanceNorm(features, affine=True)
    if name == "batch":
        return BatchNorm(features)
    if name == "group":
        groups = next(count for count in range(8, 0, -1) if features % count == 0)
        return nn.GroupNorm(groups, features)
    return nn.Identity()


def activation_layer(name, features):
    """The activation; PReLU has a slope for each feature map."""
    if name == "prelu":
        return nn.PReLU(features)
    return {"leaky-relu": nn.LeakyReLU(0.01), "relu": nn.ReLU(), "gelu": nn.GELU(), "silu": nn.SiLU()}[name]


def conv(channels, kernel, stride=1, bias=True):
    """A convolution padded by half its kernel."""
    return Conv(*channels, kernel, stride, padding=[edge // 2 for edge in kernel], bias=bias)


def pointwise(channels, bias=True):
    """A convolution with a kernel of one voxel."""
    return Conv(*channels, 1, bias=bias)


class ConvNormAct(nn.Module):
    """Convolution, normalisation, activation."""

    def __init__(self, channels, kernel, stride, norm, activation, bias=True):
        super().__init__()
        self.conv = conv(channels, kernel, stride, bias)
        self.norm = norm_layer(norm, channels[1])
        self.activation = activation_layer(activation, channels[1])

    def forward(self, x):
        return self.activation(self.norm(self.conv(x)))
