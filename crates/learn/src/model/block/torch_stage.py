def stage(block, count, channels, kernel, stride, norm, activation):
    """Blocks at one resolution; the first applies the stride and changes the number of features."""
    later = [channels[1], channels[1]], kernel, [1] * len(stride), norm, activation
    blocks = [block(channels, kernel, stride, norm, activation)]
    return nn.Sequential(*blocks, *(block(*later) for _ in range(count - 1)))
