"""The only package that imports httpx: pools, streamed bodies, time limits and size limits.

It does not know the endpoints. A request goes in; a response, or an error of this package, comes
out, in a sync and an async form.
"""
