"""Thousands of damaged, huge and odd images posted to the running system: every answer, its time, and memory."""
