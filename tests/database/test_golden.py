"""The committed files that are rendered from the declarations of fields are up to date."""

from __future__ import annotations

import pytest

from golden import files


@pytest.mark.parametrize("path", files.rendered())
def test_a_rendered_file_is_up_to_date(path: str) -> None:
    assert path not in files.out_of_date(), f"{path} differs from what is rendered: run `python -m golden`."


@pytest.mark.parametrize("path", files.rendered())
def test_a_rendered_file_says_so_in_its_first_line(path: str) -> None:
    (first, *_) = (files.ROOT / path).read_text(encoding="utf-8").splitlines()
    assert "Rendered by `python -m golden`" in first
