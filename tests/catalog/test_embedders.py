"""What every embedder must do, and what each does in its own way."""

import shutil

import numpy as np
import pytest
from django.core.exceptions import ImproperlyConfigured

from cms_site.demo.articles import read_articles
from personalization.catalog.embedders import sentence
from personalization.catalog.embedders.base import FittedEmbedder
from personalization.catalog.embedders.dummy import DummyEmbedder
from personalization.catalog.embedders.sentence import SentenceEmbedder
from personalization.catalog.embedders.tfidf import POINTER, TfidfEmbedder

TEXTS = [
    "The rocket reached the Moon and its astronauts walked in grey dust.",
    "Astronauts on a rocket to the Moon took dust back home.",
    "Bread needs flour, water, salt and an oven that is hot enough.",
    "A baker mixes flour, salt and water and heats the oven.",
]


@pytest.fixture(autouse=True)
def artifacts(settings, tmp_path):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"ARTIFACTS_DIR": tmp_path}


@pytest.fixture(scope="module")
def sentence_embedder():
    return SentenceEmbedder()


@pytest.fixture(params=["dummy", "tfidf", "sentence"])
def embedder(request):
    if request.param == "sentence":
        return request.getfixturevalue("sentence_embedder")
    made = DummyEmbedder() if request.param == "dummy" else TfidfEmbedder(dimensions=8)
    if isinstance(made, FittedEmbedder):
        made.fit_if_needed(len(TEXTS), lambda: TEXTS)
    return made


def test_one_unit_row_of_float32_for_each_text(embedder):
    vectors = embedder.embed(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((4, embedder.dimensions), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_the_same_text_gives_the_same_vector_whatever_stands_beside_it(embedder):
    together = embedder.embed(TEXTS)
    alone = np.concatenate([embedder.embed([text]) for text in reversed(TEXTS)])[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_like_texts_are_nearer_than_unlike_ones(embedder):
    likeness = embedder.embed(TEXTS) @ embedder.embed(TEXTS).T
    assert likeness[0, 1] > likeness[0, 2]
    assert likeness[2, 3] > likeness[2, 0]


def test_no_texts_and_an_empty_text(embedder):
    assert embedder.embed([]).shape == (0, embedder.dimensions)
    assert np.isfinite(embedder.embed([""])).all()


def test_the_name_says_model_and_version_and_stays(embedder):
    before = embedder.name
    embedder.embed(TEXTS)
    assert embedder.name == before != ""


def test_a_long_text_is_read(embedder):
    assert np.linalg.norm(embedder.embed(["flour and water " * 5_000])[0]) == pytest.approx(1, rel=1e-5)


def test_tfidf_is_shared_through_its_files():
    first = TfidfEmbedder(dimensions=8)
    assert first.fit_if_needed(4, lambda: TEXTS)
    other_process = TfidfEmbedder(dimensions=8)
    assert other_process.name == first.name
    np.testing.assert_allclose(other_process.embed(TEXTS), first.embed(TEXTS), atol=1e-6)


def test_tfidf_learns_again_once_the_catalog_has_grown_by_half_or_lost_half():
    embedder = TfidfEmbedder(dimensions=8)
    embedder.fit_if_needed(4, lambda: TEXTS)
    before = embedder.name
    assert not embedder.fit_if_needed(5, lambda: pytest.fail("no reason to read"))
    assert embedder.name == before
    assert embedder.fit_if_needed(6, lambda: [*TEXTS, "Bicycles have gears.", "A gear turns a bicycle's wheel."])
    grown = embedder.name
    assert grown != before
    assert embedder.fit_if_needed(3, lambda: TEXTS[:3])
    assert embedder.name != grown


def test_tfidf_without_a_fit_reads_nothing_and_says_so():
    embedder = TfidfEmbedder()
    assert "unfitted" in embedder.name
    assert not embedder.embed(TEXTS).any()
    assert not embedder.fit_if_needed(2, lambda: ["", "..."])
    assert "unfitted" in embedder.name


@pytest.mark.parametrize("damage", ["missing", "altered", "pointer"])
def test_a_damaged_tfidf_fit_is_refused_and_learned_again(tmp_path, damage):
    embedder = TfidfEmbedder(dimensions=8)
    embedder.fit_if_needed(4, lambda: TEXTS)
    root = tmp_path / "embedders" / "tfidf-8"
    folder = next(path for path in root.iterdir() if path.is_dir())
    if damage == "missing":
        shutil.rmtree(folder)
    elif damage == "altered":
        (folder / "idf.npy").write_bytes(b"\x80\x04garbage")
    else:
        (root / POINTER).write_text("{nonsense")
    other_process = TfidfEmbedder(dimensions=8)
    assert other_process.fit_if_needed(4, lambda: TEXTS)
    assert other_process.embed(TEXTS).any()


def test_tfidf_tells_the_magazines_topics_apart():
    articles = read_articles()
    texts = [" ".join([article.title, article.summary, article.body]) for article in articles]
    embedder = TfidfEmbedder()
    embedder.fit_if_needed(len(texts), lambda: texts)
    assert precision_of_neighbours(embedder.embed(texts), [article.section for article in articles]) > 0.4


@pytest.mark.slow
def test_sentences_tell_the_magazines_topics_apart(sentence_embedder):
    articles = read_articles()
    texts = [" ".join([article.title, article.summary, article.body]) for article in articles]
    assert precision_of_neighbours(sentence_embedder.embed(texts), [a.section for a in articles]) > 0.6


def precision_of_neighbours(vectors: np.ndarray, labels: list[str], k: int = 5) -> float:
    centred = vectors - vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    likeness = centred @ centred.T - 2 * np.eye(len(centred))
    nearest = np.argsort(-likeness, axis=1)[:, :k]
    names = np.asarray(labels)
    return float((names[nearest] == names[:, None]).mean())


def test_the_bundled_model_is_the_original():
    sentence.bundled_model.cache_clear()
    folder = sentence.bundled_model()
    assert (folder / "model.safetensors").is_file()
    assert SentenceEmbedder().name == "all-MiniLM-L6-v2@53aa51172d14"


def test_weights_that_are_not_the_original_are_refused(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"something else")
    with pytest.raises(ImproperlyConfigured, match="SHA-256"):
        sentence.check_weights(weights, sentence.ORIGINAL_SHA256)
    with pytest.raises(ImproperlyConfigured, match="cannot be read"):
        sentence.check_weights(tmp_path / "absent", sentence.ORIGINAL_SHA256)


def test_several_windows_of_a_long_text_are_read_when_asked(sentence_embedder):
    opening, ending = "flour and water and salt " * 60, "rockets to the moon " * 60
    patient = SentenceEmbedder(windows=4)
    assert patient.name != sentence_embedder.name
    np.testing.assert_allclose(patient.embed(TEXTS), sentence_embedder.embed(TEXTS), atol=1e-5)
    assert patient.embed([""]).shape == (1, 384)
    about = sentence_embedder.embed(["rockets to the moon"])[0]
    assert patient.embed([opening + ending])[0] @ about > sentence_embedder.embed([opening + ending])[0] @ about + 0.2


def test_another_model_is_one_option_away(tmp_path):
    copy = tmp_path / "multilingual"
    shutil.copytree(sentence.bundled_model(), copy)
    embedder = SentenceEmbedder(model=str(copy), revision="2", device="cpu")
    assert embedder.name == "multilingual@2"
    assert embedder.embed(["Bonjour"]).shape == (1, embedder.dimensions)
    assert SentenceEmbedder(model="intfloat/multilingual-e5-small").name == "intfloat/multilingual-e5-small"
