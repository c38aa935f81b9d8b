"""Configuration: environment, database, storages, languages, logging and settings checks."""
