"""Data that ship with the package: an invented steelworks, and a maker of invented plants."""
