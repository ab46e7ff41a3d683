"""Jobs and the runners that execute them.

The jobs, the batches and the retry policy decide; the runners only loop, in a sync and an async
form: `request_runner` for one request, `transcription_runner` for one recording, `speech_runner`
for one text, `batch_runner` for many recordings.
"""
