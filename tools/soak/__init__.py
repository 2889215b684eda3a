"""The endurance run: months of a restless org in minutes, and not one row lost.

    make soak                                # ten minutes
    make soak SOAK="--seconds 60 --seed 7"   # another length, another course of events

The tap runs as a process of its own, piped into the loader that `meltano.yml` names, again and
again, with the state that the loader printed last. Meanwhile the simulated org changes, its
search index lags behind, requests fail in every way, other clients use up the budget, and the
processes are killed. Time runs fast for the org and the tap alike. Each chapter ends with an
undisturbed run, after which DuckDB has to hold what the org holds, row by row.

The course of events follows from the seed, as far as kills and the machine's speed allow.
"""
