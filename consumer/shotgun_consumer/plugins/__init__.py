"""Plugins as files and as what they register: found, loaded, watched, replaced."""
