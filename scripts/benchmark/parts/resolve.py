"""What it takes to find the meaning of a batch's codes, beside a search per line and OCA connector's binder."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from benchmark.bed import Bed
from benchmark.figures import Figure, at_most, paired, ratio_at_least, ratio_at_most
from benchmark.site import Site


def measure(bed: Bed, note: Callable[[str], None]) -> list[Figure]:
    """Measure resolving at two sizes of the mapping; each round asks all three ways at the larger one."""
    few, many = bed.options.pick(500, 10_000), bed.options.pick(2_000, 1_000_000)
    lines, codes = bed.options.pick(200, 10_000), bed.options.pick(50, 500)
    asked = {"lines": lines, "codes": codes}
    with bed.peers() as site:
        site.inside("mapping.fill", first=1, last=few)
        small = _resolving(site, few, asked, bed.options.rounds)
        note(f"{many:,} identifiers")
        site.inside("mapping.fill", first=few + 1, last=many)
        site.inside("mapping.fill_bindings", count=many)
        bed.checkpoint()
        large = _resolving(site, many, asked, bed.options.rounds)
        rounds: dict[str, list[tuple[float, float]]] = {"search": [], "bind": []}
        for turn in range(bed.options.rounds):
            note(f"round {turn + 1}")
            ours = site.inside("mapping.resolve", size=many, **asked)
            for way, found in rounds.items():
                # Per second, so that more is better on both sides.
                theirs = site.inside(f"mapping.{way}", size=many, **asked)
                found.append((lines * 1000 / ours, lines * 1000 / theirs))
    title = f"resolving {lines:,} lines of {codes} codes among {many:,} identifiers"
    return [
        paired(f"{title}, lines/s; a search in the ORM per line", rounds["search"], ratio_at_least(50)),
        paired(f"{title}, lines/s; OCA connector's binder", rounds["bind"]),
        Figure(f"{title}, ms; among {few:,}", large, small, large / small, ratio_at_most(1.3)),
        Figure(f"{title}, ms", large, None, None, at_most(200)),
    ]


def _resolving(site: Site, size: int, asked: dict[str, int], rounds: int) -> float:
    """Return the median milliseconds, the first time left out: plans and files are read then."""
    times: list[float] = [site.inside("mapping.resolve", size=size, **asked) for _ in range(2 * rounds + 1)]
    return median(times[1:])
