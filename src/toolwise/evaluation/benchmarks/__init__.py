"""Other people's benchmarks and predictions, in their own formats."""
