"""The movies' embeddings against sums in NumPy."""

import numpy as np

from movierec_cli.models.sequential.movie_embeddings import MovieEmbeddings
from movierec_cli.models.two_tower.inputs import BagInput, CategoryInput, NumberInput

N_MOVIES, SIZE = 5, 3
BAGS = [[0, 2], [], [1], [2, 2, 1], [0]]
INPUTS = (
    CategoryInput(np.array([2, 0, 1, 1, 3], np.int32), 4),
    BagInput.of(BAGS, 3),
    NumberInput(np.array([[0.5], [-1], [0], [1], [0.25]], np.float32)),
)


def test_a_film_is_its_own_embedding_and_what_its_features_add():
    table = MovieEmbeddings(N_MOVIES, SIZE, INPUTS)
    generator = np.random.default_rng(0)
    own, category, bag, number = (
        generator.normal(size=shape).astype(np.float32)
        for shape in ((N_MOVIES, SIZE), (4, SIZE), (3, SIZE), (1, SIZE))
    )
    for variable, value in zip(table.trainable_variables, (own, category, bag, number), strict=True):
        variable.assign(value)
    expected = own.copy()
    for movie in range(N_MOVIES):
        expected[movie] += category[INPUTS[0].codes[movie]] + INPUTS[2].values[movie, 0] * number[0]
        if BAGS[movie]:
            expected[movie] += np.mean([bag[code] for code in BAGS[movie]], axis=0)
    np.testing.assert_allclose(np.asarray(table.vectors()), expected, rtol=1e-5, atol=1e-6)


def test_without_features_a_film_is_its_own_embedding():
    table = MovieEmbeddings(N_MOVIES, SIZE)
    assert len(table.trainable_variables) == 1
    np.testing.assert_array_equal(np.asarray(table.vectors()), np.asarray(table.own.value))
