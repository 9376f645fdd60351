class MultipassUNet(nn.Module):
    """U-Nets in sequence: each later one takes the image and the previous one's probabilities and refines them."""

    def __init__(self, channels, outputs, passes, corrections, sigmoid, **unet):
        super().__init__()
        self.passes = nn.ModuleList(
            UNet(channels if index == 0 else channels + outputs, outputs, **unet) for index in range(passes)
        )
        self.corrections = corrections
        self.sigmoid = sigmoid

    def forward(self, x):
        logits = self.passes[0](x)
        for network in self.passes[1:]:
            probabilities = torch.sigmoid(logits) if self.sigmoid else torch.softmax(logits, dim=1)
            found = network(torch.cat([x, probabilities], dim=1))
            logits = logits + found if self.corrections else found
        return logits
