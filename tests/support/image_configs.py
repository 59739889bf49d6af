"""The configuration of an image, as an engine would tell it."""

from typing import Any

from deploy.image_config import ImageConfig


def config(configured: dict[str, Any] | None) -> ImageConfig:
    return ImageConfig.from_inspect({"Id": "sha256:i", "Config": configured})
