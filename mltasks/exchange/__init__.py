"""Exchange of versions between plants: signing, trust, export, validation and import."""
