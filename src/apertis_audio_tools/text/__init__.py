"""Plain functions over text and times: passages, subtitles, sentences, HTML."""
