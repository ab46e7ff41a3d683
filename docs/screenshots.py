"""Take screenshots of three pages of the built documentation site with a headless Chromium.

Run `make screenshots`, and look at the pictures in ``.venv/screenshots``.
"""

import functools
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PAGES = {"home": "", "mcp": "mcp/", "client": "reference/client/"}
"""Paths of the pages by the names of the pictures: prose, tables and code, and the reference."""
SIZE = "1280,1600"


class QuietHandler(SimpleHTTPRequestHandler):
    """Handler that serves the site and logs nothing."""

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main(site: Path, folder: Path) -> None:
    """Write a picture of each page of a site into a folder."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"Screenshots need a browser, one of: {', '.join(BROWSERS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    handler = functools.partial(QuietHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, path in PAGES.items():
            url = f"http://127.0.0.1:{server.server_port}/{path}"
            take_screenshot(browser, url, folder / f"{name}.png")
        server.shutdown()


def take_screenshot(browser: str, url: str, picture: Path) -> None:
    """Write a picture of a page."""
    options = ["--headless=new", "--hide-scrollbars", f"--window-size={SIZE}"]
    if os.geteuid() == 0:  # for root, Chromium has no sandbox
        options.append("--no-sandbox")
    subprocess.run(  # noqa: S603  # an installed browser, and a page of this project
        [browser, *options, f"--screenshot={picture}", url],
        check=True,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
