"""`make bench`: what a pass costs, over the least that any program needs. See __main__.py."""
