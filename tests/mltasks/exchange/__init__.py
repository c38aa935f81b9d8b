"""Tests of mltasks/exchange."""
