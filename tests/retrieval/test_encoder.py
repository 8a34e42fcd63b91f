from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toolwise.errors import ModelError
from toolwise.retrieval import DenseRetriever, Document, Encoder
from toolwise.retrieval.documents import FIELDS
from toolwise.retrieval.encoder import hashed_vector


@pytest.fixture
def encoder() -> Encoder:
    """Knows two words, and that they mean the same."""
    vector = hashed_vector("delet", 64)
    return Encoder(
        vocabulary={"delet": 0, "remov": 1},
        vectors=np.stack([vector, vector]),
        query_weights=np.array([1.0, 1.0], dtype=np.float32),
        document_weights=np.array([1.0, 1.0], dtype=np.float32),
        field_gains=np.ones(len(FIELDS), dtype=np.float32),
    )


def test_hashed_vectors_are_fixed_unit_vectors() -> None:
    vector = hashed_vector("folder", 256)
    assert np.isclose(np.linalg.norm(vector), 1)
    assert (hashed_vector("folder", 8) * np.sqrt(8)).round().tolist() == [1, -1, -1, 1, -1, 1, -1, 1]
    assert abs(float(vector @ hashed_vector("folders", 256))) < 0.3


def test_unknown_words_match_themselves_and_known_ones_their_synonyms(
    encoder: Encoder, documents: list[Document]
) -> None:
    dense = DenseRetriever.build(documents, encoder)
    assert dense.search(["remove the coupon"], 1)[0][0].tool == "gamma.deleteCoupon"


def test_encodings_are_unit_vectors_or_zero(encoder: Encoder) -> None:
    encoded = encoder.encode_queries(["remove it", "", "zzz unheard of"], {})
    assert np.allclose(np.linalg.norm(encoded, axis=1), [1, 0, 0])
    assert encoder.encode_documents([], {}).shape == (0, 64)


def test_a_saved_encoder_encodes_the_same(encoder: Encoder, tmp_path: Path) -> None:
    encoder.with_fusion(0.3).save(tmp_path / "encoder")
    loaded = Encoder.load(tmp_path / "encoder")
    assert loaded.fusion_weight == 0.3
    queries, lexicon = ["remove the coupon"], {"coupon": 2.0}
    np.testing.assert_array_equal(loaded.encode_queries(queries, lexicon), encoder.encode_queries(queries, lexicon))


def test_the_weights_file_is_what_safetensors_reads(encoder: Encoder, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.numpy")
    encoder.save(tmp_path)
    arrays = safetensors.load_file(tmp_path / "encoder.safetensors")
    np.testing.assert_array_equal(arrays["vectors"], encoder.vectors)


def test_another_rendering_and_a_missing_encoder_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    encoder.save(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(path.read_text().replace('"rendering": "1"', '"rendering": "0"'))
    with pytest.raises(ModelError, match="rendering '0'"):
        Encoder.load(tmp_path)
    with pytest.raises(ModelError, match="train it again"):
        Encoder.load(tmp_path / "none")
