"""Where independent pieces of work are done: in this process, in several of this machine, or on a cluster.

`Runner` says what all of them do; whoever has work asks one and need not know which.
"""
