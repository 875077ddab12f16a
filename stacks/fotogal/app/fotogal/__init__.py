"""FotoGal: a photo gallery."""
