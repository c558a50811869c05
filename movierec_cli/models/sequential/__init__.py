"""Models of the order of a user's movies, on Keras 3 with JAX as its engine.

`packed_batches` cuts the ratings into segments and packs these into rows of one length, `network` turns rows
into states (with the blocks of `attention`), `losses` compares states with movies, `sequence_fitting` steps
(by `steps` on CPUs, by `device_epochs` on accelerators), `sequence_learning` chooses an epoch,
`group_training` has several processes do it (by `process_group`, `shares`, `shared_batches`), and
`sequence_training` is the whole job. A new user's history is scored without them, by
`scoring.sequence_network`.
"""
