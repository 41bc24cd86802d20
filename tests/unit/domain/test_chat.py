"""What the values know of themselves."""

from __future__ import annotations

from collections.abc import Iterator

from hybridchat.domain.chat import Health, ModelInfo


class Counting(tuple[ModelInfo, ...]):
    """How often it was gone through."""

    times = 0

    def __iter__(self) -> Iterator[ModelInfo]:
        type(self).times += 1
        return super().__iter__()

    def __reversed__(self) -> Iterator[ModelInfo]:
        type(self).times += 1
        return reversed(tuple(super().__iter__()))


def test_looking_for_each_of_many_models_goes_through_them_once() -> None:
    health = Health(models=Counting(ModelInfo(f"m-{n}") for n in range(1000)))
    assert all(health.model(f"m-{n}") == ModelInfo(f"m-{n}") for n in range(1000))
    assert Counting.times == 1


def test_a_model_is_found_with_and_without_ollamas_default_tag() -> None:
    health = Health(models=(ModelInfo("qwen:latest", 1), ModelInfo("twice", 2), ModelInfo("twice", 3)))
    assert health.model("qwen") == health.model("qwen:latest") == ModelInfo("qwen:latest", 1)
    assert health.model("twice") == ModelInfo("twice", 2)
    assert health.model("qwe") is health.model("") is health.model(None) is None
