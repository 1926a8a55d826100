"""Small measurements of one part each, to be read by people and by ``scripts/bench``."""
