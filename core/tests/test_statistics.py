import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mien.dataset.statistics import Moments

VALUES = arrays(
    np.float32, st.tuples(st.integers(2, 30), st.just(2), st.just(2)), elements=st.floats(-1000, 1000, width=32)
)
CUTS = st.lists(st.integers(0, 30), max_size=5).map(sorted)


@given(values=VALUES, cuts=CUTS)
def test_rows_in_any_blocks_have_numpy_s_mean_and_covariance(values: NDArray[np.float32], cuts: list[int]) -> None:
    moments = Moments(4)
    for block in np.split(values, cuts):
        moments.add(block)
    flat = values.reshape(len(values), 4).astype(np.float64)
    scale = np.abs(flat).max() ** 2 + 1e-30
    np.testing.assert_allclose(moments.mean, flat.mean(0), rtol=0, atol=1e-12 * scale**0.5 + 1e-300)
    np.testing.assert_allclose(moments.covariance, np.cov(flat, rowvar=False), rtol=0, atol=1e-12 * scale)


def test_nothing_is_lost_to_a_large_offset() -> None:
    values = np.random.default_rng(1).normal(1e6, 1e-2, (1000, 1))
    moments = Moments(1)
    for block in np.array_split(values, 7):
        moments.add(block)
    np.testing.assert_allclose(moments.covariance, np.cov(values, rowvar=False).reshape(1, 1), rtol=1e-6)


def test_fewer_than_two_rows_have_no_spread() -> None:
    moments = Moments(2)
    assert not moments.covariance.any()
    moments.add(np.array([[1.0, 2.0]]))
    np.testing.assert_array_equal(moments.mean, [1, 2])
    assert not moments.covariance.any()
