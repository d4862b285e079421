"""The chart's values: what each is, its default and meaning; the chart's schema and table of values are made of it."""
