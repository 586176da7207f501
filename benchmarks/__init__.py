"""Benchmarks: ours beside a plain reference, in rounds that alternate. Ratios count, not times."""
