"""The command ``iotflow``; it needs the extra ``cli``."""
