"""How the environment and `.env` are read: what is blank says nothing, and all is in one line."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)


def filled(environ: Mapping[str, str | None]) -> dict[str, str]:
    """Variables that are not blank; a blank RUNHOOK_DATA_DIR would be the current folder."""
    return {name: value for name, value in environ.items() if value and value.strip()}


class Environment(BaseSettings):
    """Fields that are variables of the environment, else of `.env`, by their alias."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, case_sensitive=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings hands it in by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from: what is blank there says nothing, and the next is asked."""
        sources = (init_settings, env_settings, dotenv_settings)
        for source in sources:
            if isinstance(source, EnvSettingsSource):
                source.env_vars = filled(source.env_vars)
        return sources

    @model_validator(mode="before")
    @classmethod
    def _in_one_line(cls, values: dict[str, Any]) -> dict[str, Any]:
        """A line end around a value is a file's or a shell's; one within it is a mistake."""
        plain = dict(values)
        for name, value in values.items():
            if not isinstance(value, str):
                continue
            plain[name] = value.strip()
            if not all(piece.strip().isprintable() for piece in value.strip().split(",")):
                raise ValueError(f"{name}: contains a line break or another control character")
        return plain


def one_line(error: ValidationError) -> str:
    """All that is wrong, each with the name of its variable."""
    faults = []
    for fault in error.errors():
        text = fault["msg"].removeprefix("Value error, ")
        faults.append(": ".join([*map(str, fault["loc"][:1]), text]))
    return "; ".join(faults)
