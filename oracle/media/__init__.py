"""The media types: each module joins an analyzer with its index, behind the one interface of
`handler`.
"""
