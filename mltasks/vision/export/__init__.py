"""Export of a fitted version: serving graph, quantization, weights, and `learn`, which trains and exports."""
