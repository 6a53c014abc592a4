"""What is measured of Postern, each figure beside its reference from the same run."""
