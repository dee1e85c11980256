// The assignment of riders to drivers by LEMON's network simplex: one unit from each rider over its candidates to a
// sink, or straight there at the penalty of leaving the rider unserved. Reads the graph (riders, drivers, penalty or 0
// for none; then for each rider a count and pairs of driver and cost) from the file named, and prints the optimum and
// the CPU milliseconds of each run, without the building of the network.
#include <ctime>
#include <fstream>
#include <iostream>

#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

using namespace lemon;
typedef long long Number;

int main(int, char **arguments) {
    std::ifstream in(arguments[1]);
    const int runs = std::atoi(arguments[2]);
    int riders, drivers;
    Number penalty;
    in >> riders >> drivers >> penalty;
    SmartDigraph network;
    network.reserveNode(riders + drivers + 1);
    for (int node = 0; node <= riders + drivers; ++node) network.addNode();
    const SmartDigraph::Node sink = network.nodeFromId(riders + drivers);
    std::vector<Number> costs;
    std::vector<bool> reached(drivers);
    for (int rider = 0; rider < riders; ++rider) {
        int count;
        in >> count;
        for (; count > 0; --count) {
            int driver;
            Number cost;
            in >> driver >> cost;
            network.addArc(network.nodeFromId(rider), network.nodeFromId(riders + driver));
            costs.push_back(cost);
            reached[driver] = true;
        }
    }
    for (int driver = 0; driver < drivers; ++driver) {
        if (!reached[driver]) continue;
        network.addArc(network.nodeFromId(riders + driver), sink);
        costs.push_back(0);
    }
    for (int rider = 0; penalty > 0 && rider < riders; ++rider) {
        network.addArc(network.nodeFromId(rider), sink);
        costs.push_back(penalty);
    }
    SmartDigraph::ArcMap<Number> cost(network), capacity(network, 1);
    for (SmartDigraph::ArcIt arc(network); arc != INVALID; ++arc) cost[arc] = costs[network.id(arc)];
    SmartDigraph::NodeMap<Number> supply(network, 0);
    for (int rider = 0; rider < riders; ++rider) supply[network.nodeFromId(rider)] = 1;
    supply[sink] = -riders;
    for (int run = 0; run < runs; ++run) {
        NetworkSimplex<SmartDigraph, Number, Number> simplex(network);
        simplex.upperMap(capacity).costMap(cost).supplyMap(supply);
        const std::clock_t before = std::clock();
        const bool optimal = simplex.run() == simplex.OPTIMAL;
        const double ms = 1e3 * double(std::clock() - before) / CLOCKS_PER_SEC;
        if (!optimal) return 1;
        std::cout << simplex.totalCost<Number>() << " " << ms << std::endl;
    }
}
