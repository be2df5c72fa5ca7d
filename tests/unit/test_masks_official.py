"""Segment Anything's own checkpoints: built from their shapes, equal to Meta's predictor, refused
when they are something else."""

import os
import pickle

import numpy as np
import pytest

from pymafsam.errors import BadInput, BadUsage, MissingAsset, UntrustedFile
from pymafsam.masks import load_segmenter
from pymafsam.records import Prompt

torch = pytest.importorskip("torch")
pytest.importorskip("segment_anything")

from pymafsam.masks.official import Shapes, build, shapes_of  # noqa: E402

SMALL = Shapes(
    channels=16, blocks=2, heads=1, mlp=32, output=256, side=1024, window=14, everywhere=(1,)
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("sam") / "small.pth"
    torch.save(build(SMALL).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def segmenter(checkpoint):
    return load_segmenter(f"sam:any={checkpoint}")


def test_every_dimension_is_read_off_the_state_dict(checkpoint):
    assert shapes_of(torch.load(checkpoint, weights_only=True), "it") == SMALL


def test_it_agrees_with_metas_predictor(segmenter):
    from segment_anything import SamPredictor

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (1024, 1024, 3), dtype=np.uint8)
    engine = segmenter.engine
    predictor = SamPredictor(engine._sam)
    picture = torch.as_tensor(pixels.transpose(2, 0, 1)[None].copy())
    predictor.set_torch_image(picture, (1024, 1024))
    embedding = engine.encode(_canvas(pixels))
    torch.testing.assert_close(embedding, predictor.features, atol=2e-5, rtol=1e-4)
    clicks, inside = np.array([[300.0, 200], [700, 800]]), np.array([1, 0])
    box = np.array([100.0, 50, 900, 1000])
    previous = rng.normal(size=(256, 256))
    _, scores, low = predictor.predict(
        clicks, inside, box, previous[None].astype(np.float32), multimask_output=True
    )
    logits, ours = engine.decode(
        embedding,
        np.concatenate([clicks, box.reshape(2, 2)]),
        np.array([1.0, 0, 2, 3]),
        previous,
    )
    np.testing.assert_allclose(logits[1:], low, atol=1e-3)
    np.testing.assert_allclose(ours[1:], scores, atol=1e-4)


def _canvas(pixels):
    from pymafsam.masks.view import normalise

    return normalise(pixels)


def test_it_segments_like_any_other_segmenter(segmenter):
    pixels = np.random.default_rng(1).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    mask, none = segmenter.segment(
        pixels, [Prompt(box=np.array([10.0, 10, 40, 50]), clicks=np.array([[20.0, 20]])), Prompt()]
    )
    assert mask.inside.shape == (60, 80)
    assert 0 <= mask.score <= 1
    assert none is None


class _Layout:
    """A state dict's shapes without its gigabytes."""

    def __init__(self, *shape):
        self.shape = shape


def published(channels, blocks):
    state = {
        "image_encoder.pos_embed": _Layout(1, 64, 64, channels),
        "image_encoder.blocks.0.mlp.lin1.weight": _Layout(4 * channels, channels),
        "image_encoder.neck.0.weight": _Layout(256, channels, 1, 1),
    }
    for k in range(blocks):
        rows = 127 if k % (blocks // 4) == blocks // 4 - 1 else 27
        state[f"image_encoder.blocks.{k}.attn.rel_pos_h"] = _Layout(rows, 64)
    return state


@pytest.mark.parametrize(
    ("channels", "blocks", "kind"), [(1280, 32, "vit_h"), (1024, 24, "vit_l"), (768, 12, "vit_b")]
)
def test_the_published_types_are_recognised_by_their_shapes(channels, blocks, kind):
    assert shapes_of(published(channels, blocks), "it").kind == kind


def test_a_checkpoint_of_another_type_is_named(monkeypatch, tmp_path):
    from pymafsam.masks import official

    monkeypatch.setattr(official, "read_state", lambda path: published(768, 12))
    with pytest.raises(BadInput, match=r"said to be vit_h.*those of vit_b(?s:.)*sam:vit_b="):
        load_segmenter(f"sam:vit_h={tmp_path / 'x.pth'}")


def test_an_unpublished_size_is_only_taken_as_any(checkpoint):
    with pytest.raises(BadInput, match="2 blocks with 16 channels"):
        load_segmenter(f"sam:vit_h={checkpoint}")


class _Trap:
    def __reduce__(self):
        return os.system, ("exit 3",)


@pytest.mark.parametrize("write", [lambda obj, stream: pickle.dump(obj, stream, 2), torch.save])
def test_a_checkpoint_with_code_inside_is_refused(tmp_path, write):
    path = tmp_path / "trap.pth"
    with path.open("wb") as stream:
        write({"image_encoder.pos_embed": _Trap()}, stream)
    with pytest.raises(UntrustedFile, match="may run code"):
        load_segmenter(f"sam:vit_b={path}")


def test_other_networks_and_broken_files_are_refused_in_words(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pth")
    with pytest.raises(BadInput, match=r"another network's \(it begins with fc\.weight"):
        load_segmenter(f"sam:vit_b={tmp_path / 'other.pth'}")
    torch.save({"image_encoder.layers.0.c.weight": torch.zeros(2)}, tmp_path / "mobile.pt")
    with pytest.raises(BadInput, match="MobileSAM is built in"):
        load_segmenter(f"sam:vit_b={tmp_path / 'mobile.pt'}")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "other.pth").read_bytes()[:200])
    with pytest.raises(BadInput, match="truncated"):
        load_segmenter(f"sam:vit_b={tmp_path / 'cut.pth'}")
    with pytest.raises(MissingAsset, match="no Segment Anything checkpoint"):
        load_segmenter(f"sam:vit_b={tmp_path / 'none.pth'}")


@pytest.mark.parametrize("name", ["sam", "sam:vit_h", "sam:vit_x=a.pth", "sam:vit_h="])
def test_the_form_of_the_name_is_explained(name):
    with pytest.raises(BadUsage, match="wanted sam:vit_h=PATH"):
        load_segmenter(name)
