"""Statistics: pooled rates, paired comparisons, exact tests, and what so many tasks can show."""
