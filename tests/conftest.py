"""Settings of all tests.

Properties draw the same examples in every run, so that a change is judged by what it changes;
`HYPOTHESIS_PROFILE=search` draws new ones, and many more of them.
"""

import os

from hypothesis import HealthCheck, settings

# A busy machine must not fail a property: no deadline for one example, no complaint about slow drawing.
settings.register_profile("toolwise", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "toolwise"))
