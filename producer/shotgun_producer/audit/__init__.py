"""Looking from time to time whether everything that the site shows is in the topic."""
