"""What becomes of a merged model's tensors on the way to its files."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from transformers.core_model_loading import Concatenate, WeightConverter, WeightRenaming

from medqa_sweeps.errors import ConfigError
from medqa_sweeps.worker import merging
from medqa_sweeps.worker.merging import MergedTensor, _files, _names_in_files, _rounded


def tensor(name: str, values: torch.Tensor) -> MergedTensor:
    return MergedTensor(name, values.shape, partial(values.clone))


def test_files_have_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "_FILE_BYTES", 100)
    sizes = {"a": 10, "b": 10, "c": 6, "large": 70, "d": 25, "e": 25}
    parts = list(_files([tensor(name, torch.zeros(size)) for name, size in sizes.items()], 2))
    assert [[one.name for one in part] for part in parts] == [["a", "b", "c"], ["large"], ["d", "e"]]


def test_a_value_that_does_not_fit_is_refused_and_not_written_as_infinity() -> None:
    large = tensor("model.norm.weight", torch.tensor([1.0, 1e5]))
    assert torch.equal(_rounded(large, torch.bfloat16).float(), torch.tensor([1.0, 99840.0]))
    with pytest.raises(ConfigError, match=r"--dtype float16: model.norm.weight has values that are not finite"):
        _rounded(large, torch.float16)


def test_names_are_those_of_the_files() -> None:
    renaming = WeightRenaming("language_model.model", "model.language_model")
    model = SimpleNamespace(config=None, _weight_conversions=[renaming])
    names = ["model.language_model.layers.0.weight", "lm_head.weight"]
    assert _names_in_files(model, names) == {
        "model.language_model.layers.0.weight": "language_model.model.layers.0.weight",
        "lm_head.weight": "lm_head.weight",
    }


def test_an_architecture_that_joins_tensors_is_refused() -> None:
    joined = WeightConverter(["q.weight", "k.weight"], "qk.weight", operations=[Concatenate(dim=0)])
    with pytest.raises(ConfigError, match="SimpleNamespace keeps several tensors of its files in one"):
        _names_in_files(SimpleNamespace(config=None, _weight_conversions=[joined]), ["layers.0.qk.weight"])
