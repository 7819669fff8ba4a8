"""How many streams a fleet turns away, by how newcomers are spread over it. A simulation; standard library only.

    python tests/load/fleet.py --out fleet.tsv [--load 0.85]
    python tests/load/plot.py fleet fleet.tsv fleet.svg

1 to 1,000 servers of three sizes (30, 60 and 120 live streams, as /v1/capacity of 1, 2 and 4 cores of an old machine
says), a fifth of which have lost a third of that to neighbours, which no balancer is told. Streams come by chance, last
10 minutes on average (log-normal, sigma 1), and are given once: a live stream does not move. --load is their mean number
over what all servers can carry. Two balancers work side by side; each knows its own connections only.

    round robin         by weight, which is the server's size as told
    least connections   fewest of one's own by that weight
    headroom            the same, but the weight is times the free share that the server told a second ago at most
                        (agent-check of deploy/fleet/haproxy.cfg)

Columns: servers, how, streams that came, percent of them refused, and percent of the time that servers had less than a tenth
of their room left, where depth has given way.
"""

import argparse
import csv
import heapq
import math
import random

MEAN_S, SIGMA, WARM_S = 600.0, 1.0, 1200.0
SIZES = (30, 60, 120)
BALANCERS = 2


class Server:
    def __init__(self, rng):
        self.told = rng.choice(SIZES)
        self.room = round(self.told * (2 / 3 if rng.random() < 0.2 else 1))
        self.streams = 0

    def weight(self):
        """What the agent says: headroom in percent, 1 at least."""
        return max(1, round(100 * (1 - self.streams / self.room)))


class Balancer:
    """One of several in front of the same servers."""

    def __init__(self, how, servers, rng):
        self.how, self.servers, self.next = how, servers, rng.randrange(len(servers))
        self.mine, self.weights = [0] * len(servers), [server.told for server in servers]
        self.turns = [rng.random() / server.told for server in servers]

    def ask(self):
        self.weights = [server.told * server.weight() for server in self.servers]

    def choose(self):
        if self.how == "round robin":  # smooth: whoever's turn comes next
            i = min(range(len(self.servers)), key=self.turns.__getitem__)
            self.turns[i] += 1 / self.weights[i]
            return i
        self.next = (self.next + 1) % len(self.servers)  # equals take turns
        order = [*range(self.next, len(self.servers)), *range(self.next)]
        return min(order, key=lambda i: (self.mine[i] + 1) / self.weights[i])


def simulate(count, how, load, seconds, seed):
    """-> (streams that came, refused, seconds that servers were nearly full, of all)"""
    rng = random.Random(seed)
    servers = [Server(rng) for _ in range(count)]
    balancers = [Balancer(how, servers, rng) for _ in range(BALANCERS)]
    rate = load * sum(server.room for server in servers) / MEAN_S
    mu = math.log(MEAN_S) - SIGMA ** 2 / 2
    ends, now, asked, came, refused, full, looked = [], 0.0, -1.0, 0, 0, 0, 0
    while now < WARM_S + seconds:
        now += rng.expovariate(rate)
        while ends and ends[0][0] <= now:
            _, server, balancer = heapq.heappop(ends)
            servers[server].streams -= 1
            balancers[balancer].mine[server] -= 1
        if now - asked >= 1:
            asked = now
            if how == "headroom":
                for balancer in balancers:
                    balancer.ask()
            if now > WARM_S:
                full += sum(server.streams > 0.9 * server.room for server in servers)
                looked += count
        b = rng.randrange(BALANCERS)
        i = balancers[b].choose()
        measured = now > WARM_S
        came += measured
        if servers[i].streams >= servers[i].room:
            refused += measured
            continue
        servers[i].streams += 1
        balancers[b].mine[i] += 1
        heapq.heappush(ends, (now + rng.lognormvariate(mu, SIGMA), i, b))
    return came, refused, full, looked


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("--load", type=float, default=0.85)
    ap.add_argument("--servers", type=int, nargs="*", default=[1, 2, 3, 5, 10, 30, 100, 300, 1000])
    args = ap.parse_args()
    with open(args.out, "w", newline="") as file:
        out = csv.writer(file, delimiter="\t", lineterminator="\n")
        out.writerow(["servers", "how", "streams", "refused_percent", "nearly_full_percent"])
        for count in args.servers:
            runs = max(1, 60 // count)
            for how in ("round robin", "least connections", "headroom"):
                sums = [sum(x) for x in zip(*(simulate(count, how, args.load, 3600 if count < 300 else 900, seed)
                                              for seed in range(runs)))]
                came, refused, full, looked = sums
                row = [count, how, came, round(100 * refused / came, 3), round(100 * full / looked, 2)]
                out.writerow(row)
                print(*row, flush=True)


if __name__ == "__main__":
    main()
