from . import integration_demo, integration_demo_finance, integration_demo_systems
