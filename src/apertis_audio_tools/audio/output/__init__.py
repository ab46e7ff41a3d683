"""Write audio: joined speech and clips for chat messages."""
