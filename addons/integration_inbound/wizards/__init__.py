from . import integration_refused_decision
