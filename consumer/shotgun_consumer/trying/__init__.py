"""Plugins run outside of a team: checked, tried with one event, or on live events while they are written."""
