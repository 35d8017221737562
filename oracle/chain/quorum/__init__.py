"""Several oracles, one report: signed observations, a median all can check, and a quorum of
signatures.
"""
