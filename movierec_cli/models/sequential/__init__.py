"""Models of the order of a user's films, on Keras 3 with JAX as its engine.

`histories` cuts the ratings into pieces, `batches` packs the pieces into rows of one length, `network` turns
rows into states, `losses` compares states with films, `fitting` steps, `training` is the whole job and
`serving` scores a history that nobody trained on.
"""
