"""All rules at once."""


def check() -> None:
    raise NotImplementedError
