"""``scripts/bench``: the suite measured beside its peers and a bare prototype, in one run on one machine.

Only ratios within one run count. Every measure is the median of paired rounds: the reference and the suite take turns,
so that what else the machine does meets both. ``docs/benchmarks.md`` says what each part measures and how to read it.
"""
