"""Tell when each packet of a recording is heard, and where sound is missing."""
