"""Tell when each packet of a recording is played, and where audio is missing."""
