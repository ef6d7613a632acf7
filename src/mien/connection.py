"""Requests to `mien serve`, repeated while it is busy and after a lost connection; its errors as exceptions."""

import os
import time
from typing import Any

from mien.errors import MediaError, ServerError, UsageError, reason

BUSY = (429, 503)
FIRST_PAUSE, MAX_PAUSE = 0.25, 30.0  # seconds


class Connection:
    """Sends requests; ServerError where the server cannot be reached or refuses."""

    def __init__(self, url: str, token: str, timeout: float, retries: int) -> None:
        """Take what `mien.client.Client` takes."""
        try:
            import httpx
        except ModuleNotFoundError:
            raise UsageError(
                "mien.Client needs httpx, which is not installed", do="pip install 'mien[serve]'"
            ) from None
        token = token or os.environ.get("MIEN_TOKEN", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._url, self._retries = url, retries
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout)
        except (httpx.InvalidURL, ValueError) as error:
            raise UsageError(f"the address {url}: {reason(error)}", "such as http://127.0.0.1:8000") from None
        if self._http.base_url.scheme not in ("http", "https") or not self._http.base_url.host:
            raise UsageError(f"the address {url}", "one that begins with http://", "such as http://127.0.0.1:8000")
        self._error = httpx.TransportError
        self._unreached = (httpx.ConnectError, httpx.ConnectTimeout)
        self._lost = (*self._unreached, httpx.NetworkError, httpx.RemoteProtocolError)

    def close(self) -> None:
        """Close what is open."""
        self._http.close()

    def ask(self, method: str, path: str, once: bool = False, **request: Any) -> Any:
        """Return the JSON of the response to a request; MediaError for a file that the server refuses.

        With `once`, it is not repeated after it may have arrived.  Fields of its form that are None are not sent.
        """
        request["data"] = {name: value for name, value in request.pop("data", {}).items() if value is not None}
        again, pause = self._unreached if once else self._lost, FIRST_PAUSE
        for left in reversed(range(self._retries + 1)):
            try:
                response = self._http.request(method, path, **request)
                if response.status_code not in BUSY or not left:
                    break
                after = response.headers.get("retry-after", "")
                wait = max(pause, float(after)) if after.isdecimal() else pause
            except self._error as error:
                if not left or not isinstance(error, again):
                    raise ServerError(f"{self._url}: {reason(error)}", do="is `mien serve` running there?") from None
                wait = pause
            time.sleep(min(wait, MAX_PAUSE))
            pause *= 2
        return self._content(response)

    def _content(self, response: Any) -> Any:
        try:
            content = response.json()
            error = None if response.is_success else content["error"]
            message = f"{error['message']} ({error['code']})" if error else ""
        except (ValueError, LookupError, TypeError):
            raise ServerError(f"{self._url} sent {response.status_code} and no JSON of `mien serve`") from None
        if error and error["code"] == "unreadable":
            raise MediaError(error["message"])  # as in a row
        if error:
            do = "`token`, or the variable MIEN_TOKEN, must be the server's" if response.status_code == 401 else ""
            raise (MediaError if error["code"] == "too_large" else ServerError)(f"{self._url}: {message}", do=do)
        return content
