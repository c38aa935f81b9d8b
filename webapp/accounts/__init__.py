"""Accounts: rights, passwords and lockouts after failed logins."""
