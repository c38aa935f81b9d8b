"""Intake of images: submission, admission, receive, import and batches."""
