from . import integration_trace
