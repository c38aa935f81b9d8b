"""Tests of mltasks/reports."""
