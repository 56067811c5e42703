"""From plant data to specific embedded emissions."""
