"""The net: backbones, neck, head, losses and the reading of its outputs."""
