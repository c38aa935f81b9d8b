"""The science floor: networks, training, evaluation and scoring. Knows no Django, no Celery, no database."""
