"""Speed, measured against peers."""
