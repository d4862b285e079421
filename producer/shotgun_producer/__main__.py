"""The command `shotgun-producer`, also as `python -m shotgun_producer`."""

from shotgun_runtime.first_process import end_on_sigterm


def main() -> None:
    """Run the command line and exit."""
    end_on_sigterm()
    # Takes a second, in which a container may be stopped.
    from .cli import main as run

    run()


if __name__ == "__main__":
    main()
