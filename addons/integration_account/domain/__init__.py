"""Rules of charges in plain Python: what a line says, what a repeated line means, who pays, when it may be billed."""
