"""Plain functions over text and times: passages, subtitles, sentences and HTML."""
