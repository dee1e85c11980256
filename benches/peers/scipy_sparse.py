"""The assignment of riders to drivers by scipy's LAPJVsp, on the file that lemon.cpp reads; prints the same."""
import sys
import time

import numpy
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

numbers = numpy.fromstring(open(sys.argv[1]).read(), dtype=numpy.int64, sep=" ")
riders, drivers = int(numbers[0]), int(numbers[1])
starts, columns, costs, at = [0], [], [], 3  # Behind the penalty, which it has no way to say.
for _ in range(riders):
    count = int(numbers[at])
    pairs = numbers[at + 1 : at + 1 + 2 * count].reshape(count, 2)
    columns.append(pairs[:, 0])
    # A cost of nothing would be no edge.
    costs.append(pairs[:, 1] + 1)
    starts.append(starts[-1] + count)
    at += 1 + 2 * count
graph = csr_array(
    (numpy.concatenate(costs).astype(float), numpy.concatenate(columns), numpy.array(starts)),
    shape=(riders, drivers),
)
for _ in range(int(sys.argv[2])):
    before = time.process_time()
    chosen_riders, chosen_drivers = min_weight_full_bipartite_matching(graph)
    ms = 1e3 * (time.process_time() - before)
    print(int(graph[chosen_riders, chosen_drivers].sum()) - riders, ms)
