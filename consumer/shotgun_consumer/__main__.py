"""Makes `python -m shotgun_consumer` the same as `shotgun-consumer`."""

from .cli import main

main()
