"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# A busy machine must not fail a property: no deadline for one example, no complaint about slow drawing.
settings.register_profile("toolwise", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("toolwise")
