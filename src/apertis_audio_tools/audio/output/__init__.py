"""Write audio: concatenated speech, and clips for chat messages."""
