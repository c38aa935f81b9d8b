"""Supervisor of all processes of `make up`.

Existing supervisors lack features: honcho ends all when one process dies, supervisord does not prefix the output of
its programs, circus needs a compiled messaging library. None of them ties processes to its own life.
"""
