HEADS = [1, 2, 5, 8]
REDUCTIONS = [8, 4, 2, 1]
KERNELS = [7, 3, 3, 3]
STRIDES = [4, 2, 2, 2]
EXPANSION = 4


def to_tokens(images):
    """[batch, feature, height, width] as [batch, height * width, feature]."""
    return images.flatten(2).transpose(1, 2)


def to_images(tokens, size):
    """[batch, height * width, feature] as [batch, feature, height, width]."""
    return tokens.transpose(1, 2).unflatten(2, size)


class Attention(nn.Module):
    """Softmax attention; keys and values are reduced over blocks of tokens."""

    def __init__(self, features, heads, reduction):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(features, features)
        self.key = nn.Linear(features, features)
        self.value = nn.Linear(features, features)
        self.output = nn.Linear(features, features)
        self.reduction = nn.Conv2d(features, features, reduction, reduction) if reduction > 1 else None
        self.reduction_norm = nn.LayerNorm(features) if reduction > 1 else None

    def by_head(self, tokens):
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(self, tokens, size):
        reduced = tokens
        if self.reduction is not None:
            reduced = self.reduction_norm(to_tokens(self.reduction(to_images(tokens, size))))
        query, key, value = self.query(tokens), self.key(reduced), self.value(reduced)
        attended = F.scaled_dot_product_attention(self.by_head(query), self.by_head(key), self.by_head(value))
        return self.output(attended.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Linear, 3x3 depthwise convolution (which encodes positions), GELU, linear."""

    def __init__(self, features):
        super().__init__()
        hidden = EXPANSION * features
        self.first = nn.Linear(features, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.second = nn.Linear(hidden, features)

    def forward(self, tokens, size):
        mixed = to_tokens(self.depthwise(to_images(self.first(tokens), size)))
        return self.second(F.gelu(mixed))


class Block(nn.Module):
    """A transformer block."""

    def __init__(self, features, heads, reduction):
        super().__init__()
        self.norm = nn.LayerNorm(features)
        self.attention = Attention(features, heads, reduction)
        self.second_norm = nn.LayerNorm(features)
        self.feed_forward = FeedForward(features)

    def forward(self, tokens, size):
        tokens = tokens + self.attention(self.norm(tokens), size)
        return tokens + self.feed_forward(self.second_norm(tokens), size)


class EncoderStage(nn.Module):
    """Overlapping patch embedding, transformer blocks, norm."""

    def __init__(self, channels, features, blocks, at):
        super().__init__()
        self.embedding = nn.Conv2d(channels, features, KERNELS[at], STRIDES[at], KERNELS[at] // 2)
        self.embedding_norm = nn.LayerNorm(features)
        self.blocks = nn.ModuleList(Block(features, HEADS[at], REDUCTIONS[at]) for _ in range(blocks))
        self.norm = nn.LayerNorm(features)

    def forward(self, images):
        embedded = self.embedding(images)
        size = embedded.shape[2:]
        tokens = self.embedding_norm(to_tokens(embedded))
        for block in self.blocks:
            tokens = block(tokens, size)
        return to_images(self.norm(tokens), size)


class SegFormer(nn.Module):
    """SegFormer (Xie 2021): a hierarchical transformer and a decoder of linear layers."""

    def __init__(self, channels, outputs, features, blocks, decoder_features):
        super().__init__()
        widths = [channels, *features]
        self.stages = nn.ModuleList(
            EncoderStage(widths[at], widths[at + 1], blocks[at], at) for at in range(len(features))
        )
        self.projections = nn.ModuleList(nn.Linear(width, decoder_features) for width in features)
        joined = [len(features) * decoder_features, decoder_features]
        self.fuse = ConvNormAct(joined, [1, 1], 1, "batch", "relu", bias=False)
        self.classifier = pointwise([decoder_features, outputs])

    def forward(self, images):
        x, maps = images, []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        projected = [
            F.interpolate(to_images(linear(to_tokens(x)), x.shape[2:]), maps[0].shape[2:], mode="bilinear")
            for linear, x in zip(self.projections, maps)
        ]
        logits = self.classifier(self.fuse(torch.cat(projected[::-1], dim=1)))
        return F.interpolate(logits, images.shape[2:], mode="bilinear")
