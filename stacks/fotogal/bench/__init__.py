"""FotoGal's catalogue at size, beside the straightforward way."""
