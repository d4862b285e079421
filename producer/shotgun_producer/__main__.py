"""Makes `python -m shotgun_producer` the same as `shotgun-producer`."""

from .cli import main

main()
