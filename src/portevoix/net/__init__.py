"""What is needed to reach other machines safely."""
