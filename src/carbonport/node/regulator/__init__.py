"""The regulator's side: audits of the logs of participants, over the wire or from an exported folder."""
