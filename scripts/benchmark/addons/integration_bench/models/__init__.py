from . import integration_bench_record
from . import integration_bench_count
from . import integration_engine
