"""Archives: work in blocks, one Parquet shard per block, read by one process, several, or a Ray cluster.

    mien predict archive/ --shards faces --workers 8

run.py       READ FIRST: a run from its sources to the summary
listing.py   sources, local or on an object store, as items
work.py      items as blocks, each with the key of its shard
settings.py  what decides the rows: weights, detector, options
store.py     the folder of shards, local or on an object store
record.py    mien-run.json, the records of runs, and shards that others replaced
reader.py    one block read into its shard
guard.py     a reader in a child process, with a deadline and a memory limit; a source that ends it costs its own row
runners/     who reads: this process, child processes, Ray

The set of shards is the record of what is done.  A shard gets its name when it is whole, and its name is the key of its
block, so a second run skips it.  Reading a block twice writes the same shard twice: nothing is lost or doubled when a
process, a machine or the run itself is lost.
"""
