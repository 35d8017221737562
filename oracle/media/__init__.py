"""The kinds of media: each module joins an analyzer with its index, behind the one interface of
`kind`.
"""
