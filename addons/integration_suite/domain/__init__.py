"""Plain Python logic of the suite as a whole: who may do what."""
