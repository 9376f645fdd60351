class BasicBlock(nn.Module):
    """Two convolutions and a skip connection: a strided 1x1 convolution if size or features change (He 2016)."""

    def __init__(self, channels, stride, norm):
        super().__init__()
        width = channels[1]
        self.first = ConvNormAct(channels, [3, 3], stride, norm, "relu", bias=False)
        self.second = conv([width, width], [3, 3], bias=False)
        self.second_norm = norm_layer(norm, width)
        changes = channels[0] != width or stride > 1
        self.projection = nn.Conv2d(*channels, 1, stride, bias=False) if changes else nn.Identity()
        self.projection_norm = norm_layer(norm, width) if changes else nn.Identity()

    def forward(self, x):
        change = self.second_norm(self.second(self.first(x)))
        return F.relu(change + self.projection_norm(self.projection(x)))


class SliceClassifier(nn.Module):
    """ResNet (He 2016): for each output, the logit that a slice shows it, [batch, output]."""

    def __init__(self, channels, outputs, features, blocks, norm):
        super().__init__()
        self.stem = ConvNormAct([channels, features[0]], [7, 7], 2, norm, "relu", bias=False)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = nn.ModuleList()
        width = features[0]
        for at, (wider, count) in enumerate(zip(features, blocks)):
            stride = 1 if at == 0 else 2
            first = BasicBlock([width, wider], stride, norm)
            self.stages.append(nn.Sequential(first, *(BasicBlock([wider, wider], 1, norm) for _ in range(count - 1))))
            width = wider
        self.head = nn.Linear(width, outputs)

    def forward(self, x):
        x = self.pool(self.stem(x))
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean(dim=(2, 3)))
