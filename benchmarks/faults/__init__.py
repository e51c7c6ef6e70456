"""What goes wrong in months, in minutes."""
