"""What goes further than the reports."""
