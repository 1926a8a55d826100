"""What the monitor knows without a database: metrics as text, and the two sides of reconciliation."""
