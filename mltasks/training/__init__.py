"""Runs that train a version, pretrain a backbone or verify a version."""
