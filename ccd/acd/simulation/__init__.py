"""A day of the call centre in virtual time, with the distributor that serves the real one.

- `distributions`: how long things take and how patient people are
- `profiles`, `arrivals`: when who calls; `calls_file`: the same from a CSV file
- `people`: agents and their shifts
- `simulator`: the run; `ledger` counts, `report` is what comes out
- `observed`, `survival`, `replay`: a day that was, and what it would have been

All of it is sans-IO; time is in seconds since midnight of the day simulated, and
randomness is a `random.Random` that is given, so that a seed says it all.
"""
