"""Many pictures: worker processes, results in shards, one machine or a cluster.

    inputs -> items -> engine (local, ray): workers -> rows -> shards

Every picture becomes one row with a status; a shard is written whole, under a name that only
depends on the inputs, so a run goes on where it stopped and no picture is done twice.
"""
