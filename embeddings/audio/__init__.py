"""Sound: from a file to a constellation fingerprint, and from two fingerprints to a proven match
or none.
"""
