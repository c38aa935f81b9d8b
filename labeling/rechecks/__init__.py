"""Second opinions: double reviews, label issues, agreement, throughput and escape rate."""
