"""Benchmark with thousands of damaged, huge and odd images: answers, times and memory."""
