"""One supervisor for everything `make up` runs.

A small one of our own: honcho ends all when one process dies, supervisord does not prefix what its programs say, circus
wants a compiled messaging library; and none of them ties processes to its own life.
"""
