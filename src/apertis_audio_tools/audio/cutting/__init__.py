"""Cut recordings into pieces that end in pauses."""
