"""How many operations a second a client gets out of the local cloud's Dict and Queue, one after another."""

from __future__ import annotations

from tests.benchmarks.rows import Row
from tests.contract.contract_cloud import make_cloud

OPERATIONS = 400
MEASURE = """
entries = modal.Dict.from_name('bench', create_if_missing=True)
line = modal.Queue.from_name('bench', create_if_missing=True)
entries.put('first', b'')
line.put(b'')
count, value, rates = int(sys.argv[1]), b'x' * 512, {}

def rate(name, action, each=1):
    begun = time.perf_counter()
    for n in range(count):
        action(n)
    rates[name] = each * count / (time.perf_counter() - begun)

rate('dict put', lambda n: entries.put(f'{n:05d}', value))
rate('dict get', lambda n: entries.get(f'{n:05d}'))
rate('dict compare-and-set', lambda n: entries.put(f'new-{n:05d}', value, skip_if_exists=True))
rate('queue put', lambda n: line.put(value))
rate('queue get', lambda n: line.get(timeout=5))
line.clear()
count = count // 10
rate('queue put_many(100)', lambda n: line.put_many([value] * 100), 100)
rate('queue get_many(100)', lambda n: line.get_many(100, timeout=5), 100)
say(rates)
"""


def run() -> list[Row]:
    """A row an operation."""
    for cloud in make_cloud(LOCAL_CLOUD_SPARES="0"):
        rates: dict[str, float] = cloud.client(MEASURE, OPERATIONS)
    return [
        Row(
            name=f"local_cloud_{name.replace(' ', '_').replace('-', '_')}",
            ours=rate,
            unit="items/s, one client" if "many" in name else "1/s, one client",
            note="512 bytes each",
        )
        for name, rate in rates.items()
    ]
