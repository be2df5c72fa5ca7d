"""Laws of the 3D metrics, against slow float64 versions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pymafsam.evaluation import metrics
from pymafsam.geometry import rotation

seeds = st.integers(0, 2**32 - 1)
patient = settings(deadline=None, max_examples=40)


def slow_procrustes(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """One sample, by the textbook (Umeyama 1991)."""
    centred, wanted = found - found.mean(0), true - true.mean(0)
    u, d, vt = np.linalg.svd(wanted.T @ centred)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / (centred**2).sum()
    return scale * centred @ turn.T + true.mean(0)


@patient
@given(seeds, st.integers(1, 5), st.booleans())
def test_procrustes_is_the_textbooks_for_every_batch_size(seed, batch, mirrored):
    random = np.random.default_rng(seed)
    true = random.normal(size=(batch, 14, 3))
    found = true + random.normal(0, 0.3, size=true.shape)
    found = found * [-1, 1, 1] if mirrored else found
    slow = np.stack([slow_procrustes(*pair) for pair in zip(found, true, strict=True)])
    np.testing.assert_allclose(metrics.procrustes(found, true), slow, atol=1e-9)


@patient
@given(seeds, st.integers(1, 5), st.floats(0.2, 4))
def test_pa_mpjpe_is_blind_to_similarity_and_no_more(seed, batch, scale):
    random = np.random.default_rng(seed)
    true = random.normal(size=(batch, 14, 3))
    found = true + random.normal(0, 0.2, size=true.shape)
    turns = rotation.from_axis_angle(random.normal(size=(batch, 3)))
    moved = scale * found @ np.swapaxes(turns, -1, -2) + random.normal(size=(batch, 1, 3))
    one, other = metrics.pa_mpjpe(found, true), metrics.pa_mpjpe(moved, true)
    np.testing.assert_allclose(one, other, atol=1e-9)
    assert (metrics.pa_mpjpe(true * [-1, 1, 1], true) > 0.1).all()


@patient
@given(seeds, st.integers(2, 5))
def test_batching_and_order_change_nothing(seed, batch):
    random = np.random.default_rng(seed)
    found, true = random.normal(size=(2, batch, 14, 3))
    order = random.permutation(batch)
    for measure in (metrics.mpjpe, metrics.pa_mpjpe, metrics.n_mpjpe):
        together = measure(found, true)
        alone = [float(measure(found[k], true[k])) for k in range(batch)]
        np.testing.assert_allclose(together, alone, atol=1e-12)
        np.testing.assert_allclose(measure(found[order], true[order]), together[order], atol=1e-12)


@patient
@given(seeds, st.floats(0.2, 4))
def test_scale_alone_is_forgiven_by_n_mpjpe_and_shape_at_equal_size(seed, scale):
    true = np.random.default_rng(seed).normal(size=(14, 3))
    assert metrics.n_mpjpe(scale * true, true) < 1e-9
    moved = metrics.scale_corrected(scale * true + 3.0, true)
    np.testing.assert_allclose(moved, true, atol=1e-9)


@patient
@given(seeds, st.floats(0, 3.1))
def test_the_angle_between_rotations_is_the_angle_one_is_turned_by(seed, angle):
    random = np.random.default_rng(seed)
    axis = random.normal(size=3)
    first = rotation.from_axis_angle(random.normal(size=3))
    second = first @ rotation.from_axis_angle(angle * axis / np.linalg.norm(axis))
    assert abs(float(metrics.angles(first, second)) - angle) < 1e-6


@patient
@given(seeds)
def test_pck_and_area_are_counted_as_defined(seed):
    found, true = np.random.default_rng(seed).normal(0, 0.05, size=(2, 17, 3))
    away = np.linalg.norm(found - true, axis=-1)
    assert metrics.near(found, true, 0.15).mean() == (away <= 0.15).mean()
    curve = [(away <= step).mean() for step in np.linspace(0, 0.15, 31)]
    np.testing.assert_allclose(metrics.area_under_curve(found, true).mean(), np.mean(curve))


@patient
@given(seeds, st.floats(1, 60))
def test_steady_motion_has_no_jitter_and_no_acceleration(seed, rate):
    random = np.random.default_rng(seed)
    start, speed = random.normal(size=(2, 5, 3))
    times = np.arange(8)[:, None, None]
    still = start + times * speed
    assert metrics.jitter(still, rate).max() < 1e-6 * rate**3
    bent = still + 0.5 * times**2 * np.array([0.1, 0, 0])
    np.testing.assert_allclose(metrics.acceleration_error(bent, still), 0.1, atol=1e-9)
    cubed = still + times**3 / 6 * np.array([0.1, 0, 0])
    np.testing.assert_allclose(metrics.jitter(cubed, rate), 0.1 * rate**3, rtol=1e-6)
