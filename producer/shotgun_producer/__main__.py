"""Makes `python -m shotgun_producer` the same as `shotgun-producer`."""

from .cli import main

if __name__ == "__main__":
    main()
