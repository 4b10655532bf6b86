"""The sections of a configuration: which keys there are, how each is written, what it is for.

The descriptions make the reference and what an editor shows.
What must hold between keys stands in `rules`.
"""
