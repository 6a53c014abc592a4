"""Scripts for whoever works on Postern."""
