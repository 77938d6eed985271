"""The documentation, and the script that writes its page of parameters."""
