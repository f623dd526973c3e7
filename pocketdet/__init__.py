"""Design, train, evaluate and ship object detectors that fit a phone."""
