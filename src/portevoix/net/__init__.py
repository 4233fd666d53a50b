"""What is needed to reach other machines safely, and to be reached."""
