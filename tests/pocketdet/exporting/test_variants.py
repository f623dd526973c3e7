from pathlib import Path

import pytest
import yaml

from pocketdet.config import Params
from pocketdet.errors import ParamsError
from pocketdet.exporting import variants
from pocketdet.runtimes.opening import OPENERS

REPOSITORY = Path(__file__).resolve().parents[3]


def test_every_recipe_is_a_file_of_its_own_that_some_runtime_opens() -> None:
    files = [recipe.file for recipe in variants.RECIPES.values()]
    files += variants.APART.values()
    assert len(set(files)) == len(files)
    assert {Path(file).suffix for file in files} == set(OPENERS)


def test_the_projects_params_are_served() -> None:
    params = Params.model_validate(yaml.safe_load((REPOSITORY / "params.yaml").read_text()))
    assert list(variants.chosen(params.convert.variants)) == list(params.convert.variants)
    found = variants.limits(params.convert.variants, params.verify.max_ap_drop)
    assert found["int8"] == params.verify.max_ap_drop["int8"]


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(ParamsError, match=r"convert\.variants: 'fp8' is none of fp32, fp16"):
        variants.chosen(["fp32", "fp8"])
    with pytest.raises(ParamsError, match=r"verify\.max_ap_drop: 'int9' is none of"):
        variants.limits(["fp32"], {"fp32": 0.1, "int9": 2.0})


def test_a_file_of_another_environment_is_no_stages() -> None:
    with pytest.raises(ParamsError, match="executorch_int8: no stage makes it"):
        variants.chosen(["fp32", "executorch_int8"])
    with pytest.raises(ParamsError, match="no limit for executorch_int8"):
        variants.limits(["executorch_int8"], {"fp32": 0.1})
    assert variants.limits(["executorch_int8"], {"executorch_int8": 1.0}) == {
        "executorch_int8": 1.0
    }


def test_a_gated_variant_needs_a_limit_and_core_ml_does_not() -> None:
    with pytest.raises(ParamsError, match=r"no limit for int8, which convert\.variants asks for"):
        variants.limits(["coreml", "int8"], {"fp32": 0.1})
    assert variants.limits(["coreml", "int8"], {"int8": 1.0, "fp32": 0.1}) == {"int8": 1.0}
