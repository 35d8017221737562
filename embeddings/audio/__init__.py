"""Sound: a file to a constellation fingerprint, two fingerprints to a proven match or none."""
