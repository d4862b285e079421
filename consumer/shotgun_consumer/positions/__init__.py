"""Where groups stand: found, judged, moved, written down and read again."""
