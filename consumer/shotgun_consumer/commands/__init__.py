"""The commands of `shotgun-consumer` besides `run` and `check`, one file each."""
