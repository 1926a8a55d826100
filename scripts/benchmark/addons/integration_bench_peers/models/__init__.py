from . import integration_bench_binding
from . import integration_bench_inbox
from . import integration_bench_peers
